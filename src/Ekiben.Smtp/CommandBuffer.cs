using System.Globalization;
using System.Text;

namespace Ekiben.Smtp;

/// <summary>Commands that wait to be written. Kept for the life of a connection, so that adding to it allocates nothing.</summary>
internal sealed class CommandBuffer
{
    private byte[] _bytes = new byte[1024];
    private int _start;
    private int _end;

    public int Length => _end - _start;

    /// <summary>Bytes copied out since the beginning.</summary>
    public long HandedOut { get; private set; }

    /// <summary>Bytes added since the beginning.</summary>
    public long Queued => HandedOut + Length;

    public void Add(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(Room(bytes.Length));
        _end += bytes.Length;
    }

    /// <summary>UTF-8: RFC 6531 where there is more than ASCII.</summary>
    public void Add(ReadOnlySpan<char> text) => _end += Encoding.UTF8.GetBytes(text, Room(Encoding.UTF8.GetMaxByteCount(text.Length)));

    public void Add(int number)
    {
        number.TryFormat(Room(11), out var length, provider: CultureInfo.InvariantCulture);
        _end += length;
    }

    public int CopyTo(Span<byte> destination)
    {
        var length = Math.Min(Length, destination.Length);
        _bytes.AsSpan(_start, length).CopyTo(destination);
        _start += length;
        HandedOut += length;
        if (_start == _end)
        {
            (_start, _end) = (0, 0);
        }

        return length;
    }

    public void Clear() => (_start, _end) = (0, 0);

    private Span<byte> Room(int length)
    {
        if (_end + length > _bytes.Length)
        {
            Array.Resize(ref _bytes, Math.Max(_end + length, _bytes.Length * 2));
        }

        return _bytes.AsSpan(_end);
    }
}
