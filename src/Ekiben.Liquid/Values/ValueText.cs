using System.Globalization;
using Ekiben.Liquid.Rendering;

namespace Ekiben.Liquid.Values;

/// <summary>Ruby's to_s for every kind of value, and inspect for what stands inside maps.</summary>
internal static class ValueText
{
    private const int MaxDepth = 64;

    public static string Of(in Value value, Renderer renderer)
    {
        switch (value.Kind)
        {
            case ValueKind.Nil or ValueKind.Blank or ValueKind.Empty or ValueKind.Object:
                return "";
            case ValueKind.String:
                return value.Text;
            case ValueKind.Bool:
                return value.Bool ? "true" : "false";
            case ValueKind.Integer:
                return value.Integer.ToString(CultureInfo.InvariantCulture);
            default:
                var builder = new TextBuilder(renderer);
                Append(ref builder, value, renderer, 0);
                return builder.Finish();
        }
    }

    public static void Append(ref TextBuilder builder, in Value value, Renderer renderer) => Append(ref builder, value, renderer, 0);

    private static void Append(ref TextBuilder builder, in Value value, Renderer renderer, int depth)
    {
        Span<char> scratch = stackalloc char[Numbers.MaxFloatLength];
        switch (value.Kind)
        {
            case ValueKind.Float:
                builder.Append(scratch[..Numbers.Format(value.Float, scratch)]);
                return;
            case ValueKind.Decimal:
                builder.Append(value.Decimal.ToString(CultureInfo.InvariantCulture));
                return;
            case ValueKind.Time:
                var offset = value.Time.ToString(" zzz", CultureInfo.InvariantCulture).Replace(":", "", StringComparison.Ordinal);
                builder.Append(value.Time.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture));
                builder.Append(value.Time.Offset == TimeSpan.Zero ? " UTC" : offset);
                return;
            case ValueKind.Day:
                builder.Append(value.Time.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture));
                return;
            case ValueKind.Range:
                builder.Append(value.Range.First.ToString(CultureInfo.InvariantCulture));
                builder.Append("..");
                builder.Append(value.Range.Last.ToString(CultureInfo.InvariantCulture));
                return;
            case ValueKind.Loop:
                builder.Append("Liquid::ForloopDrop");
                return;
            case ValueKind.List:
                CheckDepth(renderer, depth);
                var count = Collections.Count(value);
                renderer.CheckItems(count);
                var items = Collections.Indexed(value, renderer);
                for (var index = 0; index < count; index++)
                {
                    renderer.Step();
                    Append(ref builder, Collections.At(items, index), renderer, depth + 1);
                }

                return;
            case ValueKind.Map:
                Inspect(ref builder, value, renderer, depth);
                return;
            default:
                builder.Append(Of(value, renderer));
                return;
        }
    }

    private static void Inspect(ref TextBuilder builder, in Value value, Renderer renderer, int depth)
    {
        CheckDepth(renderer, depth);
        renderer.Step();
        switch (value.Kind)
        {
            case ValueKind.Nil:
                builder.Append("nil");
                return;
            case ValueKind.String:
                builder.Append('"');
                foreach (var character in value.Text)
                {
                    AppendEscaped(ref builder, character);
                }

                builder.Append('"');
                return;
            case ValueKind.List:
                var count = Collections.Count(value);
                renderer.CheckItems(count);
                var items = Collections.Indexed(value, renderer);
                builder.Append('[');
                for (var index = 0; index < count; index++)
                {
                    builder.Append(index == 0 ? "" : ", ");
                    Inspect(ref builder, Collections.At(items, index), renderer, depth + 1);
                }

                builder.Append(']');
                return;
            case ValueKind.Map:
                builder.Append('{');
                var separator = "";
                foreach (var pair in Collections.Pairs(value, renderer))
                {
                    builder.Append(separator);
                    separator = ", ";
                    Inspect(ref builder, Collections.At(pair, 0), renderer, depth + 1);
                    builder.Append("=>");
                    Inspect(ref builder, Collections.At(pair, 1), renderer, depth + 1);
                }

                builder.Append('}');
                return;
            default:
                Append(ref builder, value, renderer, depth);
                return;
        }
    }

    private static void AppendEscaped(ref TextBuilder builder, char character)
    {
        switch (character)
        {
            case '"' or '\\':
                builder.Append('\\');
                builder.Append(character);
                return;
            case '\n':
                builder.Append("\\n");
                return;
            case '\r':
                builder.Append("\\r");
                return;
            case '\t':
                builder.Append("\\t");
                return;
            default:
                builder.Append(character);
                return;
        }
    }

    private static void CheckDepth(Renderer renderer, int depth)
    {
        if (depth > MaxDepth)
        {
            throw renderer.OverBudget(nameof(TemplateLimits.Nesting), MaxDepth);
        }
    }
}
