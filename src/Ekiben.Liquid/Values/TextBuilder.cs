using Ekiben.Liquid.Rendering;

namespace Ekiben.Liquid.Values;

/// <summary>
/// Builds one string on memory of the renderer, which takes it back when the rendering ends, however it ends. Each character is booked
/// before it takes memory, so a bomb ends where it starts. Builders end in the reverse order of their beginnings. Without a renderer (at
/// parse time) nothing is booked: the source's length bounds it.
/// </summary>
internal ref struct TextBuilder
{
    private const int FirstSize = 256;

    private readonly Renderer? _renderer;
    private char[] _buffer;

    public TextBuilder(Renderer? renderer)
    {
        _renderer = renderer;
        _buffer = renderer is null ? new char[FirstSize] : renderer.OpenText();
    }

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

    /// <summary>The string; the builder is spent afterwards.</summary>
    public string Finish()
    {
        var text = Length == 0 ? "" : new string(_buffer, 0, Length);
        Abandon();
        return text;
    }

    public Value FinishValue(Safety safety = Safety.None) => Value.Of(Finish(), safety);

    /// <summary>Ends without a string.</summary>
    public void Abandon()
    {
        _renderer?.CloseText(_buffer);
        _buffer = [];
    }

    private void Reserve(int count)
    {
        _renderer?.CheckLength((long)Length + count);
        _renderer?.Charge(count);
        if (count > _buffer.Length - Length)
        {
            Array.Resize(ref _buffer, Math.Max(Length + count, _buffer.Length * 2));
        }
    }
}
