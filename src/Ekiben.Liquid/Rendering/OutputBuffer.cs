using System.Buffers;

namespace Ekiben.Liquid.Rendering;

/// <summary>The UTF-8 of one rendering, reused from render to render. Growing past the budget throws.</summary>
internal sealed class OutputBuffer(Renderer renderer) : IBufferWriter<byte>
{
    private const int FirstSize = 16 * 1024;

    // What the largest mail allowed by default needs. Hosts that allow more should not pin it to the thread for ever.
    private const int KeptSize = 1024 * 1024;

    private byte[] _bytes = new byte[FirstSize];

    public int Length { get; private set; }

    /// <summary>Bytes that may be written: the output budget plus what is held for captures.</summary>
    public int Limit { get; set; }

    public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, Length);

    public void Reset()
    {
        Length = 0;
        if (_bytes.Length > KeptSize)
        {
            _bytes = new byte[FirstSize];
        }
    }

    public void Truncate(int length) => Length = length;

    public void Append(ReadOnlySpan<byte> utf8)
    {
        if (utf8.Length > Limit - Length)
        {
            // Before more memory is taken.
            throw renderer.OverBudget(nameof(TemplateLimits.OutputBytes), Limit);
        }

        if (utf8.Length > _bytes.Length - Length)
        {
            Grow(utf8.Length);
        }

        utf8.CopyTo(_bytes.AsSpan(Length));
        Advance(utf8.Length);
    }

    public void Advance(int count)
    {
        Length += count;
        if (Length > Limit)
        {
            throw renderer.OverBudget(nameof(TemplateLimits.OutputBytes), Limit);
        }
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        if (_bytes.Length - Length < Math.Max(sizeHint, 1))
        {
            Grow(Math.Max(sizeHint, 1));
        }

        return _bytes.AsSpan(Length);
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        GetSpan(sizeHint);
        return _bytes.AsMemory(Length);
    }

    private void Grow(int needed)
    {
        // Writers ask for three bytes a character; anything far beyond the budget is refused before memory is taken.
        if ((long)Length + needed > ((long)Limit * 3) + FirstSize)
        {
            throw renderer.OverBudget(nameof(TemplateLimits.OutputBytes), Limit);
        }

        Array.Resize(ref _bytes, Math.Max(Length + needed, _bytes.Length * 2));
    }
}
