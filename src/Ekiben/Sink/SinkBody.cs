namespace Ekiben.Sink;

/// <summary>
/// Collects one message's bytes up to the line that holds a single dot, and takes the stuffed dots out (RFC 5321 §4.5.2).
/// Only CRLF.CRLF ends it: a bare LF is content, or one message could smuggle a second past a stricter neighbour.
/// </summary>
internal sealed class SinkBody(int maxSize)
{
    private const int KeptBetweenMessages = 1 << 20;

    // The command line before the body ended with CRLF, which counts as the first half of the terminator (RFC 5321 §4.1.1.4).
    private const int Lead = 2;
    private byte[] _bytes = [(byte)'\r', (byte)'\n', .. new byte[8 * 1024]];
    private int _length = Lead;
    private long _dropped;

    private static ReadOnlySpan<byte> Terminator => "\r\n.\r\n"u8;

    /// <summary>Whether the message was larger than allowed; its content is then gone and only its size is known.</summary>
    public bool TooBig => _dropped > 0 || Content.Length > maxSize;

    /// <summary>Bytes of the message without the final dot line, once it is complete. Stuffed dots are counted only where it was too big.</summary>
    public long Size => _dropped + _length - Lead;

    /// <summary>The message as its author wrote it. Valid until <see cref="Clear"/>.</summary>
    public ReadOnlySpan<byte> Content => _bytes.AsSpan(Lead, Math.Max(0, _length - Lead));

    /// <summary>Takes what belongs to this message from <paramref name="input"/>.</summary>
    /// <returns>How many bytes were taken: all of them unless the message is complete.</returns>
    public int Take(ReadOnlySpan<byte> input, out bool complete)
    {
        var end = EndAcrossTheSeam(input);
        if (end < 0)
        {
            var found = input.IndexOf(Terminator);
            end = found < 0 ? -1 : found + Terminator.Length;
        }

        complete = end >= 0;
        var taken = complete ? end : input.Length;
        Append(input[..taken]);
        if (complete)
        {
            _length -= ".\r\n".Length;
            Unstuff();
        }

        return taken;
    }

    /// <summary>Makes ready for the next message, and gives the memory of a large one back.</summary>
    public void Clear()
    {
        if (_bytes.Length > KeptBetweenMessages)
        {
            _bytes = [(byte)'\r', (byte)'\n', .. new byte[8 * 1024]];
        }

        // A large message may have shifted other bytes into the lead.
        "\r\n"u8.CopyTo(_bytes);
        _length = Lead;
        _dropped = 0;
    }

    /// <summary>The terminator may have begun in bytes taken earlier: looks at those around the seam.</summary>
    private int EndAcrossTheSeam(ReadOnlySpan<byte> input)
    {
        var before = Math.Min(_length, Terminator.Length - 1);
        var after = Math.Min(input.Length, Terminator.Length - 1);
        Span<byte> seam = stackalloc byte[2 * (Terminator.Length - 1)];
        _bytes.AsSpan(_length - before, before).CopyTo(seam);
        input[..after].CopyTo(seam[before..]);
        var found = seam[..(before + after)].IndexOf(Terminator);
        return found < 0 ? -1 : found + Terminator.Length - before;
    }

    private void Append(ReadOnlySpan<byte> bytes)
    {
        // Room for the dots that unstuffing takes out would need a second count; twice the limit is never exceeded by them.
        if ((long)_length + bytes.Length > 2L * maxSize + 64)
        {
            DropAllButTheSeam(bytes);
            return;
        }

        if (_length + bytes.Length > _bytes.Length)
        {
            Array.Resize(ref _bytes, (int)Math.Min(Array.MaxLength, Math.Max(2L * _bytes.Length, _length + bytes.Length)));
        }

        bytes.CopyTo(_bytes.AsSpan(_length));
        _length += bytes.Length;
    }

    private void DropAllButTheSeam(ReadOnlySpan<byte> bytes)
    {
        var keep = Terminator.Length;
        Span<byte> tail = stackalloc byte[2 * keep];
        var before = Math.Min(_length, keep);
        var after = Math.Min(bytes.Length, keep);
        _bytes.AsSpan(_length - before, before).CopyTo(tail);
        bytes[^after..].CopyTo(tail[before..]);
        var kept = tail[..(before + after)];
        kept = kept[^Math.Min(keep, kept.Length)..];
        _dropped += _length + bytes.Length - kept.Length;
        kept.CopyTo(_bytes);
        _length = kept.Length;
    }

    private void Unstuff()
    {
        var all = _bytes.AsSpan(0, Math.Max(0, _length));
        var read = all.IndexOf("\r\n."u8);
        if (read < 0)
        {
            return;
        }

        read += 2;
        var write = read;
        while (true)
        {
            // read stands on a stuffed dot: skip it, then move everything up to the next one.
            read++;
            var next = all[read..].IndexOf("\r\n."u8);
            var run = next < 0 ? all.Length - read : next + 2;
            all.Slice(read, run).CopyTo(all[write..]);
            write += run;
            read += run;
            if (next < 0)
            {
                _length = write;
                return;
            }
        }
    }
}
