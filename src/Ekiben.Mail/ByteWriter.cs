using System.Buffers;
using System.Text;

namespace Ekiben.Mail;

/// <summary>A growing, reusable run of octets with a ceiling. Not thread-safe.</summary>
internal sealed class ByteWriter(int limit, string tooLong) : IBufferWriter<byte>
{
    private byte[] _octets = new byte[1024];

    public int Length { get; private set; }
    public int Capacity => _octets.Length;
    public ReadOnlySpan<byte> Written => _octets.AsSpan(0, Length);
    public ReadOnlyMemory<byte> Memory => _octets.AsMemory(0, Length);
    public byte Last => Length == 0 ? (byte)0 : _octets[Length - 1];

    public void Clear() => Length = 0;
    public void Truncate(int length) => Length = length;
    public void Advance(int count) => Length += count;
    public Span<byte> GetSpan(int sizeHint = 0) => Room(Math.Max(sizeHint, 1));

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Room(Math.Max(sizeHint, 1));
        return _octets.AsMemory(Length);
    }

    public void Byte(byte value)
    {
        if (Length == _octets.Length) Room(1);
        _octets[Length++] = value;
    }

    public void Bytes(ReadOnlySpan<byte> value)
    {
        value.CopyTo(Room(value.Length));
        Length += value.Length;
    }

    /// <summary>Puts octets before all that is written.</summary>
    public void Prepend(ReadOnlySpan<byte> value)
    {
        Room(value.Length);
        _octets.AsSpan(0, Length).CopyTo(_octets.AsSpan(value.Length));
        value.CopyTo(_octets);
        Length += value.Length;
    }

    /// <summary>UTF-8; half a surrogate pair becomes U+FFFD.</summary>
    public void Text(ReadOnlySpan<char> value) =>
        Length += Encoding.UTF8.GetBytes(value, Room(Encoding.UTF8.GetMaxByteCount(value.Length)));

    private Span<byte> Room(int count)
    {
        if (_octets.Length - Length < count)
        {
            // The slack is for writers that ask for more room than they use (UTF-8 asks for three octets a character).
            if ((long)Length + count > 4L * limit) throw new RenderException(tooLong);
            Array.Resize(ref _octets, (int)Math.Max(Math.Min(2L * _octets.Length, 4L * limit), (long)Length + count));
        }
        if (Length > limit) throw new RenderException(tooLong);
        return _octets.AsSpan(Length);
    }
}
