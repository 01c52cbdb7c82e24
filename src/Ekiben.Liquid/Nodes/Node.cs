using Ekiben.Liquid.Rendering;
using Ekiben.Liquid.Values;

namespace Ekiben.Liquid.Nodes;

internal enum Signal : byte
{
    None,
    Break,
    Continue,
}

internal abstract class Node(int offset)
{
    public int Offset => offset;

    /// <summary>Whether the node writes nothing that could be seen: a block of such nodes drops its whitespace.</summary>
    public virtual bool IsBlank => false;

    public abstract Signal Render(Renderer renderer);
}

/// <summary>The nodes of a template, branch or block.</summary>
internal sealed class Body(Node[] nodes)
{
    public static readonly Body None = new([]);

    public Signal Render(Renderer renderer)
    {
        foreach (var node in nodes)
        {
            renderer.Step();
            renderer.At = node.Offset;
            var signal = node.Render(renderer);
            if (signal != Signal.None)
            {
                return signal;
            }
        }

        return Signal.None;
    }
}

/// <summary>Literal text, already UTF-8: a slice of one array that all literals of the template share.</summary>
internal sealed class TextNode(byte[] utf8, int start, int length, bool isSpace, int offset) : Node(offset)
{
    public override bool IsBlank => isSpace;

    public override Signal Render(Renderer renderer)
    {
        renderer.Output.Append(utf8.AsSpan(start, length));
        return Signal.None;
    }
}

/// <summary><c>{{ expression }}</c> and <c>echo</c>.</summary>
internal sealed class OutputNode(Expression expression, int place, bool html, int offset) : Node(offset)
{
    public override Signal Render(Renderer renderer)
    {
        renderer.Write(expression.Evaluate(renderer), place, html);
        return Signal.None;
    }
}

internal sealed class InterruptNode(Signal signal, int offset) : Node(offset)
{
    public override Signal Render(Renderer renderer) => signal;
}

/// <summary>A tag without output of its own: comments and Bento's tags that need its flows or shops.</summary>
internal sealed class NothingNode(int offset) : Node(offset)
{
    public override bool IsBlank => true;

    public override Signal Render(Renderer renderer) => Signal.None;
}

internal sealed class AssignNode(string name, Expression expression, int offset) : Node(offset)
{
    public override bool IsBlank => true;

    public override Signal Render(Renderer renderer)
    {
        renderer.Assign(name, expression.Evaluate(renderer));
        return Signal.None;
    }
}

internal sealed class CaptureNode(string name, Body body, int place, int offset) : Node(offset)
{
    public override bool IsBlank => true;

    public override Signal Render(Renderer renderer)
    {
        var start = renderer.Output.Length;
        var signal = body.Render(renderer);
        renderer.Assign(name, renderer.TakeCaptured(start, place));
        return signal;
    }
}

internal sealed class CounterNode(string name, int step, int place, int offset) : Node(offset)
{
    public override Signal Render(Renderer renderer)
    {
        renderer.Write(Value.Of(renderer.Count(name, step)), place, html: false);
        return Signal.None;
    }
}

internal sealed class IfChangedNode(Body body, int place, int offset) : Node(offset)
{
    public override Signal Render(Renderer renderer)
    {
        var start = renderer.Output.Length;
        var signal = body.Render(renderer);
        var value = renderer.TakeCaptured(start, place);
        if (value.Text != renderer.LastIfChanged)
        {
            renderer.LastIfChanged = value.Text;
            renderer.Write(value.WithSafety(Safety.Raw), place, html: false);
        }

        return signal;
    }
}

/// <summary><c>cycle</c>: groups share their position by name, or by their list when they have none.</summary>
internal sealed class CycleNode(Expression? name, string list, Expression[] items, int place, int offset) : Node(offset)
{
    public override Signal Render(Renderer renderer)
    {
        var group = name is null ? list : Group(name.Evaluate(renderer), renderer);
        var index = renderer.CycleIndex(group);

        // A list shorter than the position prints nothing once, then starts again.
        if (index < items.Length)
        {
            renderer.Write(items[index].Evaluate(renderer), place, html: false);
        }

        renderer.SetCycleIndex(group, index + 1 >= items.Length ? 0 : index + 1);
        return Signal.None;
    }

    private static string Group(in Value value, Renderer renderer)
    {
        var text = ValueText.Of(value, renderer);
        renderer.Charge(text.Length);
        return $"{value.Kind}:{text}";
    }
}
