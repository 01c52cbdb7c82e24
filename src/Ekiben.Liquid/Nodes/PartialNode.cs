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
        if (isolated)
        {
            var scope = Arguments(renderer);
            if (bound is not null)
            {
                scope[variable] = value;
            }

            renderer.Isolate(template, partialName, scope);
            return Signal.None;
        }

        // All are read before any is pushed: an argument does not see its neighbours.
        var frames = Arguments(renderer);
        foreach (var (argument, passed) in frames)
        {
            renderer.Push(argument, passed);
        }

        if (bound is not null)
        {
            renderer.Push(variable, value);
        }

        var signal = renderer.Include(template, partialName);
        renderer.Pop(frames.Count + (bound is null ? 0 : 1));
        return signal;
    }

    private void RenderPass(Renderer renderer, Template template, string variable, in LoopItems items, long index, string partialName)
    {
        var loop = new ForLoop();
        loop.Start(partialName, items.Count, parent: null);
        loop.Index = index;
        var scope = Arguments(renderer);
        scope[variable] = items[index];
        scope["forloop"] = Value.OfLoop(loop);
        renderer.Isolate(template, partialName, scope);
    }

    private Dictionary<string, Value> Arguments(Renderer renderer)
    {
        var values = new Dictionary<string, Value>(arguments.Length + 2, StringComparer.Ordinal);
        foreach (var argument in arguments)
        {
            values[argument.Name] = argument.Value.Evaluate(renderer);
        }

        return values;
    }
}
