using Ekiben.Liquid.Rendering;
using Ekiben.Liquid.Values;

namespace Ekiben.Liquid.Nodes;

internal readonly record struct PartialArgument(string Name, Expression Value);

/// <summary>
/// <c>include</c> shares the caller's scopes; <c>render</c> sees its arguments and the host's data only. With <c>for</c>,
/// <c>render</c> is a loop of its own; with a list, <c>include</c> repeats itself.
/// </summary>
internal sealed class PartialNode(
    Expression name, Expression? bound, string? alias, bool repeats, bool isolated, PartialArgument[] arguments, int offset) : Node(offset)
{
    public override Signal Render(Renderer renderer)
    {
        var partialName = name.Evaluate(renderer);
        if (partialName.Kind != ValueKind.String)
        {
            throw renderer.Error(TemplateErrors.Argument, "The name of a partial must be a string");
        }

        var template = renderer.FindPartial(partialName.Text);
        var variable = alias ?? partialName.Text[(partialName.Text.LastIndexOf('/') + 1)..];
        var value = bound is null ? default : bound.Evaluate(renderer);
        var passes = value.Kind == ValueKind.List || (value.Kind == ValueKind.Range && repeats);
        if (bound is null || !passes || (isolated && !repeats))
        {
            return RenderOnce(renderer, template, partialName.Text, variable, value);
        }

        var head = new LoopHead(variable, Literal.Nil, partialName.Text, null, null, Continues: false, Reversed: false);
        var items = new LoopItems(head, value, integersOnly: true, renderer);
        for (var index = 0L; index < items.Count; index++)
        {
            renderer.At = Offset;
            renderer.Step();
            if (isolated)
            {
                RenderPass(renderer, template, variable, items, index, partialName.Text);
                continue;
            }

            var signal = RenderOnce(renderer, template, partialName.Text, variable, items[index]);
            if (signal != Signal.None)
            {
                return signal;
            }
        }

        return Signal.None;
    }

    private Signal RenderOnce(Renderer renderer, Template template, string partialName, string variable, in Value value)
    {
        var count = PushArguments(renderer);
        if (bound is not null)
        {
            renderer.Push(variable, value);
            count++;
        }

        var signal = Signal.None;
        if (isolated)
        {
            renderer.Isolate(template, partialName, count, new Dictionary<string, Value>(StringComparer.Ordinal));
        }
        else
        {
            signal = renderer.Include(template, partialName);
        }

        renderer.Pop(count);
        return signal;
    }

    private void RenderPass(Renderer renderer, Template template, string variable, in LoopItems items, long index, string partialName)
    {
        var loop = new ForLoop();
        loop.Start(partialName, items.Count, parent: null);
        loop.Index = index;
        var count = PushArguments(renderer);
        renderer.Push(variable, items[index]);
        renderer.Push("forloop", Value.OfLoop(loop));
        renderer.Isolate(template, partialName, count + 2, new Dictionary<string, Value>(StringComparer.Ordinal));
        renderer.Pop(count + 2);
    }

    private int PushArguments(Renderer renderer)
    {
        // All are read before any is pushed: an argument does not see its neighbours.
        var values = new Value[arguments.Length];
        for (var index = 0; index < arguments.Length; index++)
        {
            values[index] = arguments[index].Value.Evaluate(renderer);
        }

        for (var index = 0; index < arguments.Length; index++)
        {
            renderer.Push(arguments[index].Name, values[index]);
        }

        return arguments.Length;
    }
}
