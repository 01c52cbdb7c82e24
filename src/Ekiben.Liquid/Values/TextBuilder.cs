using System.Buffers;
using Ekiben.Liquid.Rendering;

namespace Ekiben.Liquid.Values;

/// <summary>
/// Builds one string on pooled memory. Each character is booked with the renderer before it takes memory, so a bomb ends
/// where it starts. Without a renderer (at parse time) nothing is booked: the source's length bounds it.
/// </summary>
internal ref struct TextBuilder(Renderer? renderer)
{
    private const int FirstSize = 256;

    private char[] _buffer = ArrayPool<char>.Shared.Rent(FirstSize);

    public int Length { get; private set; }

    public void Append(char character)
    {
        Reserve(1);
        _buffer[Length++] = character;
    }

    public void Append(scoped ReadOnlySpan<char> text)
    {
        Reserve(text.Length);
        text.CopyTo(_buffer.AsSpan(Length));
        Length += text.Length;
    }

    /// <summary>The string; the builder is spent afterwards. An exception before it leaves the buffer to the collector.</summary>
    public string Finish()
    {
        var text = Length == 0 ? "" : new string(_buffer, 0, Length);
        ArrayPool<char>.Shared.Return(_buffer);
        _buffer = [];
        return text;
    }

    public Value FinishValue(Safety safety = Safety.None) => Value.Of(Finish(), safety);

    private void Reserve(int count)
    {
        renderer?.CheckLength((long)Length + count);
        renderer?.Charge(count);
        if (count <= _buffer.Length - Length)
        {
            return;
        }

        var larger = ArrayPool<char>.Shared.Rent(Math.Max(Length + count, _buffer.Length * 2));
        _buffer.AsSpan(0, Length).CopyTo(larger);
        ArrayPool<char>.Shared.Return(_buffer);
        _buffer = larger;
    }
}
