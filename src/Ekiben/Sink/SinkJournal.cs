using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Ekiben.Sink;

/// <summary>
/// The sink's memory of what it answered: one JSON object a line, on disk before the answer is sent.
/// Many connections share one fsync: while one batch is being synced, the next one gathers.
/// </summary>
internal sealed class SinkJournal : IDisposable
{
    // A thousand recipients of 254 characters, every one of which JSON may write as six.
    private const int LongestLine = 4 * 1024 * 1024;

    private readonly Lock _gate = new();
    private readonly FileStream _file;
    private readonly Action<Exception> _onFailure;
    private readonly Thread _writer;
    private readonly SemaphoreSlim _work = new(0);
    private readonly Utf8JsonWriter _json;
    private ArrayBufferWriter<byte> _gathering = new(64 * 1024);
    private ArrayBufferWriter<byte> _writing = new(64 * 1024);
    private TaskCompletionSource _batch = NewBatch();
    private Exception? _failure;
    private bool _closed;

    private SinkJournal(FileStream file, Action<Exception> onFailure)
    {
        _file = file;
        _onFailure = onFailure;
        _json = new Utf8JsonWriter(_gathering, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });

        // Its own thread: it sits in fsync most of its time, and the pool has two threads on a small machine.
        _writer = new Thread(WriteBatches) { IsBackground = true, Name = "sink journal" };
        _writer.Start();
    }

    private static ReadOnlySpan<byte> LineStart => "{\"at\":\""u8;

    /// <summary>Opens or creates a journal to append to. A torn last line, left by a process that was killed, is cut off.</summary>
    /// <param name="path">The file.</param>
    /// <param name="onFailure">Called once, when a write fails.</param>
    /// <exception cref="IOException">The file cannot be opened, or is no journal.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be written.</exception>
    public static SinkJournal Open(string path, Action<Exception> onFailure)
    {
        // No buffer of its own: a batch is one write.
        var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);
        try
        {
            CutTornLine(file);
            return new SinkJournal(file, onFailure);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Reads a journal line by line, also while a sink appends to it. A last line without its end is left out: it was never answered for.
    /// </summary>
    /// <exception cref="InvalidDataException">A whole line is not an entry.</exception>
    public static IEnumerable<SinkMessage> Read(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
        var buffer = new byte[64 * 1024];
        var (start, end, number) = (0, 0, 0L);
        while (true)
        {
            var newLine = buffer.AsSpan(start, end - start).IndexOf((byte)'\n');
            if (newLine >= 0)
            {
                yield return Parse(buffer.AsMemory(start, newLine), path, ++number);
                start += newLine + 1;
                continue;
            }

            buffer.AsSpan(start, end - start).CopyTo(buffer);
            (start, end) = (0, end - start);
            if (end == buffer.Length)
            {
                Array.Resize(ref buffer, buffer.Length <= LongestLine / 2 ? buffer.Length * 2
                    : throw new InvalidDataException($"{path}, line {number + 1}: longer than any entry."));
            }

            var read = file.Read(buffer, end, buffer.Length - end);
            if (read == 0)
            {
                yield break;
            }

            end += read;
        }
    }

    /// <summary>Adds a message. The task completes when its line is on disk, and fails when it could not be written; no reply may be sent before.</summary>
    /// <exception cref="IOException">An earlier write failed: the journal's end is no longer known, so it takes no more.</exception>
    public Task Append(SinkMessage message)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            if (_failure is not null)
            {
                throw new IOException("The journal cannot be written.", _failure);
            }

            var first = _gathering.WrittenCount == 0;
            WriteLine(message);
            if (first)
            {
                _work.Release();
            }

            return _batch.Task;
        }
    }

    /// <summary>Writes out what was added and closes the file.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_closed)
            {
                return;
            }

            _closed = true;
            _work.Release();
        }

        _writer.Join();
        _file.Dispose();
        _json.Dispose();
        _work.Dispose();
    }

    private void WriteLine(SinkMessage message)
    {
        _json.Reset(_gathering);
        _json.WriteStartObject();
        _json.WriteString("at"u8, message.At.UtcDateTime);
        _json.WriteString("mail_from"u8, message.MailFrom);
        _json.WriteStartArray("rcpt_to"u8);
        foreach (var recipient in message.RcptTo)
        {
            _json.WriteStringValue(recipient);
        }

        _json.WriteEndArray();
        _json.WriteString("message_id"u8, message.MessageId);
        _json.WriteNumber("size"u8, message.Size);
        _json.WriteString("result"u8, message.Result);
        _json.WriteEndObject();
        _json.Flush();
        _gathering.Write("\n"u8);
    }

    private void WriteBatches()
    {
        while (true)
        {
            _work.Wait();
            TaskCompletionSource batch;
            lock (_gate)
            {
                if (_gathering.WrittenCount == 0)
                {
                    if (_closed)
                    {
                        return;
                    }

                    continue;
                }

                (_gathering, _writing) = (_writing, _gathering);
                (batch, _batch) = (_batch, NewBatch());
            }

            try
            {
                _file.Write(_writing.WrittenSpan);
                _file.Flush(flushToDisk: true);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                Fail(batch, e);
                return;
            }

            _writing.ResetWrittenCount();
            batch.SetResult();
        }
    }

    private void Fail(TaskCompletionSource batch, Exception e)
    {
        lock (_gate)
        {
            _failure = e;
            batch.SetException(e);
            _batch.SetException(e);
        }

        _onFailure(e);
    }

    // Continuations run elsewhere: the writer's thread goes straight to the next batch.
    private static TaskCompletionSource NewBatch() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static SinkMessage Parse(ReadOnlyMemory<byte> line, string path, long number)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            var entry = json.RootElement;
            return new SinkMessage(
                entry.GetProperty("at").GetDateTimeOffset(),
                entry.GetProperty("mail_from").GetString() ?? "",
                [.. entry.GetProperty("rcpt_to").EnumerateArray().Select(recipient => recipient.GetString() ?? "")],
                entry.GetProperty("message_id").GetString(),
                entry.GetProperty("size").GetInt64(),
                entry.GetProperty("result").GetString() ?? "");
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new InvalidDataException($"{path}, line {number}: not an entry of a sink's journal.", e);
        }
    }

    /// <summary>A torn line would swallow the next one. Anything else without an end is somebody's file, given by mistake.</summary>
    private static void CutTornLine(FileStream file)
    {
        if (!file.CanSeek)
        {
            throw new IOException($"{file.Name} is not a file that can be appended to.");
        }

        var end = EndOfLastWholeLine(file);
        if (end < file.Length)
        {
            var tail = new byte[Math.Min(LineStart.Length, file.Length - end)];
            file.Seek(end, SeekOrigin.Begin);
            file.ReadExactly(tail);
            if (!LineStart.StartsWith(tail))
            {
                throw new IOException($"{file.Name} is not a sink's journal.");
            }

            file.SetLength(end);
        }

        file.Seek(0, SeekOrigin.End);
    }

    private static long EndOfLastWholeLine(FileStream file)
    {
        var block = new byte[4096];
        for (var end = file.Length; end > 0;)
        {
            var length = (int)Math.Min(block.Length, end);
            file.Seek(end - length, SeekOrigin.Begin);
            file.ReadExactly(block, 0, length);
            var newLine = block.AsSpan(0, length).LastIndexOf((byte)'\n');
            if (newLine >= 0)
            {
                return end - length + newLine + 1;
            }

            end -= length;
        }

        return 0;
    }
}
