using System.Text.Json;
using Ekiben.Liquid.Filters;
using Ekiben.Liquid.Rendering;
using Ekiben.Liquid.Values;

namespace Ekiben.Liquid.Nodes;

internal abstract class Expression
{
    public abstract Value Evaluate(Renderer renderer);
}

internal sealed class Literal(Value value) : Expression
{
    public static readonly Literal Nil = new(Value.Nil);

    public override Value Evaluate(Renderer renderer) => value;
}

internal sealed class RangeExpression(Expression first, Expression last) : Expression
{
    public override Value Evaluate(Renderer renderer) =>
        Value.Of(new LongRange(Numbers.Truncate(first.Evaluate(renderer)), Numbers.Truncate(last.Evaluate(renderer))));
}

/// <summary>One step of a look-up: a name after a dot or in brackets, or an index computed at render time.</summary>
internal readonly record struct PathStep(string? Name, Expression? Index, bool IsDotted);

/// <summary>A look-up such as <c>order.lines[0].title</c>. Unknown names are nil, whatever follows.</summary>
internal sealed class PathExpression(string? root, Expression? rootIndex, PathStep[] steps, int offset) : Expression
{
    public string? Root => root;

    public PathStep[] Steps => steps;

    public int Offset => offset;

    public override Value Evaluate(Renderer renderer)
    {
        var value = renderer.Find(root ?? ValueText.Of(rootIndex!.Evaluate(renderer), renderer));
        foreach (ref readonly var step in steps.AsSpan())
        {
            Weigh(value, renderer);
            var isJson = value.Reference is JsonElement;
            value = step.Name is { } name ? Lookup.ByName(value, name, step.IsDotted) : Lookup.ByIndex(value, step.Index!.Evaluate(renderer));
            if (isJson)
            {
                renderer.Decoded(value);
            }

            if (value.IsNil)
            {
                return value;
            }
        }

        Weigh(value, renderer);
        return value;
    }

    /// <summary>Counts what looking at a value costs: JSON is decoded and searched at each look, long strings are measured.</summary>
    private static void Weigh(in Value value, Renderer renderer)
    {
        if (value.Kind == ValueKind.String)
        {
            renderer.Work(value.Text.Length);
        }
        else if (value.Kind is ValueKind.Map or ValueKind.List && value.Reference is JsonElement)
        {
            renderer.Work(16L * (value.Kind == ValueKind.Map ? Collections.MapCount(value) : Collections.Count(value)));
        }
    }
}

internal sealed record FilterCall(FilterDefinition Filter, Expression? First, Expression? Second, Expression? AllowFalse, int Count, int Offset);

internal sealed class FilteredExpression(Expression input, FilterCall[] calls) : Expression
{
    public override Value Evaluate(Renderer renderer)
    {
        var value = input.Evaluate(renderer);
        foreach (var call in calls)
        {
            renderer.At = call.Offset;
            renderer.Step();
            var arguments = new FilterArguments(
                call.First is null ? default : call.First.Evaluate(renderer),
                call.Second is null ? default : call.Second.Evaluate(renderer),
                call.AllowFalse is not null && call.AllowFalse.Evaluate(renderer).IsTruthy,
                call.Count);
            value = call.Filter.Apply(renderer, value, arguments);
        }

        return value;
    }
}
