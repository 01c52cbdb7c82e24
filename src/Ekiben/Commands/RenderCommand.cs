using System.Buffers;
using System.CommandLine;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using Ekiben.Liquid;

namespace Ekiben.Commands;

/// <summary><c>ekiben render</c>: templates tried out without a server, one by hand or many by a program.</summary>
internal static class RenderCommand
{
    /// <summary>Of a template with its data, and of one line: the parser takes templates of 256 KiB, data may be longer.</summary>
    private const int MaxInputBytes = 16 << 20;

    private const string Stdin = "-";

    private const string TooLong = """{"error":{"line":0,"column":0,"code":"input","message":"The line is longer than 16 MiB","excerpt":""}}""";

    private static readonly byte[] ByteOrderMark = [0xEF, 0xBB, 0xBF];

    public static Command Create()
    {
        var template = new Argument<string?>("TEMPLATE") { Description = "A file of Liquid; - reads it from stdin.", Arity = ArgumentArity.ZeroOrOne };
        // The data folder's option is called --data everywhere else; here is no data folder.
        var data = CommonOptions.Data;
        var lines = new Option<bool>("--lines")
        {
            Description = "Read {\"template\", \"data\", \"partials\"?} a line from stdin; write {\"output\"} or {\"error\": {\"line\", \"column\", \"code\", …}} a line.",
        };
        var command = new Command("render", "Render a Liquid template with the variables of a JSON file (--data FILE): no server, no data folder.") { template, lines };
        command.SetAction(async (parsed, cancel) =>
        {
            var file = parsed.GetValue(template);
            if (parsed.GetValue(lines))
            {
                return file is null && parsed.GetValue(data) is null
                    ? await RenderLinesAsync(cancel)
                    : throw CommandFailure.Usage("--lines takes everything from stdin: leave TEMPLATE and --data out.");
            }

            await RenderOneAsync(file ?? throw CommandFailure.Usage("name a TEMPLATE, or give --lines. See 'ekiben render --help'."), parsed.GetValue(data), cancel);
            return 0;
        });
        return command;
    }

    private static async Task RenderOneAsync(string templateFile, string? dataFile, CancellationToken cancel)
    {
        if (templateFile == Stdin && dataFile == Stdin)
        {
            throw CommandFailure.Usage("stdin can be the template or the data, not both.");
        }

        var template = await ReadAsync(templateFile, cancel);
        var data = dataFile is null ? "{}" : await ReadAsync(dataFile, cancel);
        using var answer = JsonDocument.Parse(TemplateLine.Render(Line(template, data, dataFile), Options()));
        if (answer.RootElement.TryGetProperty("output", out var output))
        {
            await Console.Out.WriteAsync(output.GetString());
            return;
        }

        var error = answer.RootElement.GetProperty("error");
        var excerpt = error.GetProperty("excerpt").GetString();
        throw new CommandFailure(
            $"{Shown(templateFile)}: line {error.GetProperty("line")}, column {error.GetProperty("column")}: {error.GetProperty("message").GetString()?.TrimEnd('.')}"
            + (string.IsNullOrEmpty(excerpt) ? "." : $", at: {excerpt}"));
    }

    /// <summary>The line of <c>--lines</c> that asks for the same.</summary>
    private static string Line(string template, string data, string? dataFile)
    {
        try
        {
            using var read = JsonDocument.Parse(data);
            if (read.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw new CommandFailure($"{Shown(dataFile)}: the data must be a JSON object with the template's variables.");
            }
        }
        catch (JsonException wrong)
        {
            throw new CommandFailure($"{Shown(dataFile)} is not valid JSON (line {(wrong.LineNumber ?? 0) + 1}, byte {(wrong.BytePositionInLine ?? 0) + 1}).");
        }

        using var line = new MemoryStream();
        using (var writer = new Utf8JsonWriter(line))
        {
            writer.WriteStartObject();
            writer.WriteString("template", template);
            writer.WritePropertyName("data");
            writer.WriteRawValue(data);
            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(line.GetBuffer(), 0, (int)line.Length);
    }

    private static string Shown(string? file) => file == Stdin ? "stdin" : file ?? "--data";

    /// <summary>The whole text of a file or of stdin; a byte order mark is no part of it.</summary>
    private static async Task<string> ReadAsync(string file, CancellationToken cancel)
    {
        try
        {
            await using var stream = file == Stdin ? Console.OpenStandardInput() : File.OpenRead(file);
            using var text = new MemoryStream();
            var piece = new byte[64 << 10];
            for (int read; (read = await stream.ReadAsync(piece, cancel)) > 0;)
            {
                text.Write(piece, 0, read);
                if (text.Length > MaxInputBytes)
                {
                    throw new CommandFailure($"{Shown(file)} is larger than {MaxInputBytes >> 20} MiB.");
                }
            }

            return Text(text.GetBuffer().AsSpan(0, (int)text.Length));
        }
        catch (Exception world) when (world is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new CommandFailure($"cannot read {Shown(file)}: {world.Message}");
        }
    }

    private static async Task<int> RenderLinesAsync(CancellationToken cancel)
    {
        var options = Options();
        var input = PipeReader.Create(Console.OpenStandardInput());
        await using var output = Console.OpenStandardOutput();
        var answers = new MemoryStream();
        var isTooLong = false;
        for (var ended = false; !ended;)
        {
            var read = await input.ReadAsync(cancel);
            var rest = read.Buffer;
            while (TryTakeLine(ref rest, read.IsCompleted, out var line))
            {
                Answer(isTooLong ? null : line, options, answers);
                isTooLong = false;
            }

            if (read.IsCompleted && isTooLong)
            {
                Answer(null, options, answers);
            }

            // A program that waits for each answer before it writes on gets it now.
            await output.WriteAsync(answers.GetBuffer().AsMemory(0, (int)answers.Length), cancel);
            await output.FlushAsync(cancel);
            answers.SetLength(0);
            if (isTooLong || rest.Length > MaxInputBytes)
            {
                (isTooLong, rest) = (true, rest.Slice(rest.End));
            }

            input.AdvanceTo(rest.Start, rest.End);
            ended = read.IsCompleted;
        }

        return 0;
    }

    /// <summary>Cuts the next line off; at the end of the input what is left is one, if anything is.</summary>
    private static bool TryTakeLine(ref ReadOnlySequence<byte> rest, bool atEnd, out ReadOnlySequence<byte> line)
    {
        if (rest.PositionOf((byte)'\n') is { } end)
        {
            line = rest.Slice(0, end);
            rest = rest.Slice(rest.GetPosition(1, end));
            return true;
        }

        line = rest;
        if (!atEnd || rest.IsEmpty)
        {
            return false;
        }

        rest = rest.Slice(rest.End);
        return true;
    }

    /// <summary>One answer a line, an empty line and one that is too long (null) included, so that the n-th answers the n-th.</summary>
    private static void Answer(ReadOnlySequence<byte>? line, in RenderOptions options, MemoryStream answers)
    {
        var answer = line is { } bytes && bytes.Length <= MaxInputBytes
            ? TemplateLine.Render(Text(bytes.ToArray()), options)
            : TooLong;
        answers.Write(Encoding.UTF8.GetBytes(answer));
        answers.WriteByte((byte)'\n');
    }

    private static string Text(ReadOnlySpan<byte> bytes) =>
        Encoding.UTF8.GetString(bytes.StartsWith(ByteOrderMark) ? bytes[ByteOrderMark.Length..] : bytes);

    private static RenderOptions Options()
    {
#pragma warning disable RS0030 // A command of its own, without the options that carry the program's clock.
        var clock = TimeProvider.System;
#pragma warning restore RS0030
        return new RenderOptions { Now = clock.GetUtcNow(), Clock = clock };
    }
}
