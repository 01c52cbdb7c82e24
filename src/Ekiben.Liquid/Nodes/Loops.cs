using Ekiben.Liquid.Rendering;
using Ekiben.Liquid.Values;

namespace Ekiben.Liquid.Nodes;

/// <summary>What <c>for</c> and <c>tablerow</c> share: a collection, cut by limit and offset.</summary>
internal sealed record LoopHead(
    string Variable, Expression Collection, string Name, Expression? Limit, Expression? Start, bool Continues, bool Reversed);

/// <summary>The items of one loop, read in place: nothing is copied for lists and ranges.</summary>
internal readonly struct LoopItems
{
    private readonly Value _collection;
    private readonly long _start;
    private readonly bool _reversed;

    public LoopItems(LoopHead head, Value collection, bool integersOnly, Renderer renderer)
    {
        if (collection.Kind == ValueKind.Map)
        {
            collection = Value.Of(Collections.Pairs(collection, renderer));
        }
        else if (collection.Kind == ValueKind.List)
        {
            renderer.CheckItems(Collections.Count(collection));
            collection = Collections.Indexed(collection, renderer);
        }

        _collection = collection;
        _reversed = head.Reversed;
        var available = collection.Kind switch
        {
            ValueKind.List => Collections.Count(collection),
            ValueKind.Range => collection.Range.Count,
            ValueKind.String => collection.Text.Length == 0 ? 0 : 1,
            _ => 0,
        };

        var from = head.Continues ? renderer.LoopOffset(head.Name) : Number(head.Start, integersOnly, "offset", renderer) ?? 0;
        var limit = Number(head.Limit, integersOnly, "limit", renderer) ?? long.MaxValue;
        _start = collection.Kind == ValueKind.String ? 0 : Math.Clamp(from, 0, available);
        Count = collection.Kind == ValueKind.String ? available : Math.Max(0, Math.Min(available - _start, limit));
        renderer.CheckItems(Count);
        renderer.SetLoopOffset(head.Name, Math.Max(from, 0) + Count);
    }

    public long Count { get; }

    public Value this[long index]
    {
        get
        {
            var at = _start + (_reversed ? Count - 1 - index : index);
            return _collection.Kind switch
            {
                ValueKind.List => Collections.At(_collection, (int)at),
                ValueKind.Range => Value.Of(_collection.Range.First + at),
                _ => _collection,
            };
        }
    }

    public static long? Number(Expression? expression, bool integersOnly, string word, Renderer renderer)
    {
        var value = expression is null ? default : expression.Evaluate(renderer);
        if (value.IsNil)
        {
            return null;
        }

        return integersOnly
            ? Numbers.ToInteger(value) ?? throw renderer.Error(TemplateErrors.Argument, $"The loop's {word} is not an integer")
            : Numbers.Truncate(value);
    }
}

internal sealed class ForNode(LoopHead head, Body body, Body otherwise, bool isBlank, int offset) : Node(offset)
{
    public override bool IsBlank => isBlank;

    public override Signal Render(Renderer renderer)
    {
        var items = new LoopItems(head, head.Collection.Evaluate(renderer), integersOnly: true, renderer);
        if (items.Count == 0)
        {
            return otherwise.Render(renderer);
        }

        var loop = renderer.OpenLoop(head.Name, items.Count);
        var frame = renderer.Push(head.Variable, default);
        renderer.Push("forloop", Value.OfLoop(loop));
        var signal = Signal.None;
        for (var index = 0L; index < items.Count && signal != Signal.Break; index++)
        {
            renderer.At = Offset;
            renderer.Step();
            loop.Index = index;
            renderer.SetFrame(frame, items[index]);
            signal = body.Render(renderer);
        }

        renderer.Pop(2);
        renderer.CloseLoop();
        return Signal.None;
    }
}

internal sealed class TableRowNode(LoopHead head, Expression? columns, Body body, int offset) : Node(offset)
{
    public override Signal Render(Renderer renderer)
    {
        var collection = head.Collection.Evaluate(renderer);
        if (!collection.IsTruthy)
        {
            return Signal.None;
        }

        var items = new LoopItems(head, collection, integersOnly: false, renderer);
        var columnCount = LoopItems.Number(columns, integersOnly: false, "cols", renderer) ?? Math.Max(items.Count, 1);
        renderer.Output.Append("<tr class=\"row1\">\n"u8);
        var loop = renderer.OpenLoop(head.Name, items.Count);
        loop.StartTable(columnCount);
        var frame = renderer.Push(head.Variable, default);
        renderer.Push("tablerowloop", Value.OfLoop(loop));
        for (var index = 0L; index < items.Count; index++)
        {
            renderer.At = Offset;
            renderer.Step();
            renderer.SetFrame(frame, items[index]);
            WriteOpening("<td class=\"col"u8, loop.Column, renderer);
            var signal = body.Render(renderer);
            renderer.Output.Append("</td>"u8);
            if (signal == Signal.Break)
            {
                break;
            }

            if (loop.IsLastColumn && !loop.IsLast)
            {
                renderer.Output.Append("</tr>\n"u8);
                WriteOpening("<tr class=\"row"u8, loop.Row + 1, renderer);
            }

            loop.NextCell();
        }

        renderer.Pop(2);
        renderer.CloseLoop();
        renderer.Output.Append("</tr>\n"u8);
        return Signal.None;
    }

    private static void WriteOpening(ReadOnlySpan<byte> start, long number, Renderer renderer)
    {
        Span<byte> digits = stackalloc byte[20];
        number.TryFormat(digits, out var length, default, System.Globalization.CultureInfo.InvariantCulture);
        renderer.Output.Append(start);
        renderer.Output.Append(digits[..length]);
        renderer.Output.Append("\">"u8);
    }
}
