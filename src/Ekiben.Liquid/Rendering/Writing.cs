using System.Globalization;
using System.Text;
using Ekiben.Liquid.Values;

namespace Ekiben.Liquid.Rendering;

/// <summary>How values become output: printed, escaped for their place, transcoded into the buffer.</summary>
internal sealed partial class Renderer
{
    private const int MaxPrintDepth = 64;

    private IValueEscaper? _escaper;

    /// <summary>Whether output is escaped for its place, so that filters that produce markup escape their input.</summary>
    public bool Escapes => _escaper is not null;

    /// <summary>Writes a value at a place. <paramref name="html"/> asks for HTML escaping where the host brings no escaper.</summary>
    public void Write(in Value value, int place, bool html) => Write(value, place, html, 0);

    /// <summary>Cuts what was written since <paramref name="start"/> off the output and gives it back as text.</summary>
    public Value TakeCaptured(int start, int place)
    {
        var bytes = Output.Written[start..];
        Charge(bytes.Length);
        var text = Encoding.UTF8.GetString(bytes);
        Output.Truncate(start);
        return Value.Of(text, _escaper is not null && _escaper.IsHtml(place) ? Safety.Html : Safety.None);
    }

    private void Write(in Value value, int place, bool html, int depth)
    {
        switch (value.Kind)
        {
            case ValueKind.Nil:
            case ValueKind.Blank:
            case ValueKind.Empty:
            case ValueKind.Object:
                return;
            case ValueKind.String:
                WriteText(value.Text, value.Safety, place, html);
                return;
            case ValueKind.Integer:
                Span<char> digits = stackalloc char[20];
                value.Integer.TryFormat(digits, out var length, default, CultureInfo.InvariantCulture);
                WriteText(digits[..length], Safety.None, place, html);
                return;
            case ValueKind.Float:
                Span<char> number = stackalloc char[Numbers.MaxFloatLength];
                WriteText(number[..Numbers.Format(value.Float, number)], Safety.None, place, html);
                return;
            case ValueKind.List:
                WriteList(value, place, html, depth);
                return;
            default:
                WriteText(ValueText.Of(value, this), Safety.None, place, html);
                return;
        }
    }

    private void WriteList(in Value list, int place, bool html, int depth)
    {
        var count = Collections.Count(list);
        CheckItems(count);
        if (depth > MaxPrintDepth)
        {
            throw OverBudget(nameof(TemplateLimits.Nesting), MaxPrintDepth);
        }

        var items = Collections.Indexed(list, this);
        for (var index = 0; index < count; index++)
        {
            Step();
            Write(Collections.At(items, index), place, html, depth + 1);
        }
    }

    private void WriteText(ReadOnlySpan<char> text, Safety safety, int place, bool html)
    {
        Work(text.Length);
        if (text.IsEmpty)
        {
            return;
        }

        if (safety == Safety.Raw)
        {
            Transcode(text);
        }
        else if (_escaper is { } escaper)
        {
            if (safety == Safety.Html && escaper.IsHtml(place))
            {
                Transcode(text);
                return;
            }

            // An escaper may write six bytes a character; the length is checked first so that it cannot overshoot far.
            CheckRoom(text.Length);
            escaper.Write(place, text, Output);
        }
        else if (html && safety == Safety.None)
        {
            WriteHtml(text);
        }
        else
        {
            Transcode(text);
        }
    }

    private void WriteHtml(ReadOnlySpan<char> text)
    {
        while (text.IndexOfAny(HtmlText.Specials) is var at && at >= 0)
        {
            Transcode(text[..at]);
            Transcode(HtmlText.Entity(text[at]));
            text = text[(at + 1)..];
        }

        Transcode(text);
    }

    private void Transcode(ReadOnlySpan<char> text)
    {
        CheckRoom(text.Length);
        var target = Output.GetSpan(text.Length * 3);
        Output.Advance(Encoding.UTF8.GetBytes(text, target));
    }

    private void CheckRoom(int characters)
    {
        if (characters > Output.Limit - Output.Length)
        {
            throw OverBudget(nameof(TemplateLimits.OutputBytes), Output.Limit);
        }
    }
}
