using System.Buffers;
using System.Globalization;
using System.Text;

namespace Ekiben.Benchmarks.Liquid;

/// <summary>
/// The yardstick: a splitter and interpolator for exactly the constructs of the benchmark's template, without an expression
/// language, budgets or positions. The engine is measured against it in the same run.
/// </summary>
internal sealed class HandWritten
{
    private readonly List<Part> _parts;

    private HandWritten(List<Part> parts) => _parts = parts;

    private enum Kind : byte
    {
        Text,
        Value,
        If,
        Else,
        EndIf,
        For,
        EndFor,
    }

    private sealed class Part
    {
        public Kind Kind;
        public byte[] Text = [];
        public string[] Path = [];
        public string? Filter;
        public string? Argument;
        public string? Equal;
        public int Target;
    }

    public static HandWritten Parse(string source)
    {
        var parts = new List<Part>();
        var open = new Stack<int>();
        var at = 0;
        while (source.IndexOf('{', at) is var start && start >= 0)
        {
            if (start > at)
            {
                parts.Add(new Part { Text = Encoding.UTF8.GetBytes(source[at..start]) });
            }

            var isValue = source[start + 1] == '{';
            var end = source.IndexOf(isValue ? "}}" : "%}", start, StringComparison.Ordinal);
            var markup = source[(start + 2)..end].Trim();
            parts.Add(isValue ? ParseValue(markup) : ParseTag(markup, parts, open));
            at = end + 2;
        }

        parts.Add(new Part { Text = Encoding.UTF8.GetBytes(source[at..]) });
        return new HandWritten(parts);
    }

    public void Render(Dictionary<string, object?> data, IBufferWriter<byte> output) => Render(data, output, 0, _parts.Count, null);

    private static Part ParseValue(string markup)
    {
        var pieces = markup.Split('|', StringSplitOptions.TrimEntries);
        var part = new Part { Kind = Kind.Value, Path = pieces[0].Split('.') };
        if (pieces.Length > 1)
        {
            var colon = pieces[1].IndexOf(':', StringComparison.Ordinal);
            part.Filter = colon < 0 ? pieces[1] : pieces[1][..colon];
            part.Argument = colon < 0 ? null : pieces[1][(colon + 1)..].Trim().Trim('"');
        }

        return part;
    }

    private static Part ParseTag(string markup, List<Part> parts, Stack<int> open)
    {
        var words = markup.Split(' ');
        switch (words[0])
        {
            case "if":
                open.Push(parts.Count);
                return new Part { Kind = Kind.If, Path = words[1].Split('.'), Equal = words.Length > 3 ? words[3].Trim('"') : null };
            case "else":
                parts[open.Pop()].Target = parts.Count + 1;
                open.Push(parts.Count);
                return new Part { Kind = Kind.Else };
            case "endif":
                parts[open.Pop()].Target = parts.Count;
                return new Part { Kind = Kind.EndIf };
            case "for":
                open.Push(parts.Count);
                return new Part { Kind = Kind.For, Path = words[3].Split('.') };
            default:
                parts[open.Pop()].Target = parts.Count;
                return new Part { Kind = Kind.EndFor };
        }
    }

    private void Render(Dictionary<string, object?> data, IBufferWriter<byte> output, int from, int to, object? item)
    {
        for (var index = from; index < to; index++)
        {
            var part = _parts[index];
            switch (part.Kind)
            {
                case Kind.Text:
                    output.Write(part.Text);
                    break;
                case Kind.Value:
                    Write(part, Find(part.Path, data, item), output);
                    break;
                case Kind.If:
                    var value = Find(part.Path, data, item);
                    var holds = part.Equal is null ? value is not null and not false : part.Equal.Equals(value);
                    index = holds ? index : part.Target - 1;
                    break;
                case Kind.Else:
                    index = part.Target;
                    break;
                case Kind.For:
                    foreach (var element in (List<object?>)Find(part.Path, data, item)!)
                    {
                        Render(data, output, index + 1, part.Target, element);
                    }

                    index = part.Target;
                    break;
            }
        }
    }

    private static object? Find(string[] path, Dictionary<string, object?> data, object? item)
    {
        object? value = path[0] == "item" ? item : data.GetValueOrDefault(path[0]);
        for (var index = 1; index < path.Length; index++)
        {
            value = (value as Dictionary<string, object?>)?.GetValueOrDefault(path[index]);
        }

        return value;
    }

    private static void Write(Part part, object? value, IBufferWriter<byte> output)
    {
        if (part.Filter == "default" && value is null or "")
        {
            value = part.Argument;
        }

        if (value is int number)
        {
            number.TryFormat(output.GetSpan(11), out var written, default, CultureInfo.InvariantCulture);
            output.Advance(written);
            return;
        }

        if (value is not string text || text.Length == 0)
        {
            return;
        }

        var target = output.GetSpan(text.Length * 3);
        var length = Encoding.UTF8.GetBytes(text, target);
        if (part.Filter == "capitalize" && target[0] is >= (byte)'a' and <= (byte)'z')
        {
            target[0] -= 32;
        }

        output.Advance(length);
    }
}
