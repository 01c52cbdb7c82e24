using Ekiben.Liquid.Rendering;
using Ekiben.Liquid.Values;

namespace Ekiben.Liquid.Nodes;

internal readonly record struct Branch(Condition? Condition, bool Negated, Body Body);

/// <summary><c>if</c> and <c>unless</c>: the first branch whose condition holds; a null condition is <c>else</c>.</summary>
internal sealed class IfNode(Branch[] branches, bool isBlank, int offset) : Node(offset)
{
    public override bool IsBlank => isBlank;

    public override Signal Render(Renderer renderer)
    {
        foreach (ref readonly var branch in branches.AsSpan())
        {
            if (branch.Condition is null || branch.Condition.IsTrue(renderer) != branch.Negated)
            {
                return branch.Body.Render(renderer);
            }
        }

        return Signal.None;
    }
}

/// <summary>One <c>when</c>, or <c>else</c> when it has no values.</summary>
internal readonly record struct CaseBranch(Expression[]? Values, Body Body);

/// <summary>
/// <c>case</c>. As in Ruby, a branch renders once for each of its values that matches, and <c>else</c> renders when no branch
/// before it did.
/// </summary>
internal sealed class CaseNode(Expression subject, CaseBranch[] branches, bool isBlank, int offset) : Node(offset)
{
    public override bool IsBlank => isBlank;

    public override Signal Render(Renderer renderer)
    {
        var value = subject.Evaluate(renderer);
        var matched = false;
        foreach (var branch in branches)
        {
            var times = branch.Values is null ? matched ? 0 : 1 : Matches(value, branch.Values, renderer);
            matched |= branch.Values is not null && times > 0;
            for (; times > 0; times--)
            {
                renderer.Step();
                var signal = branch.Body.Render(renderer);
                if (signal != Signal.None)
                {
                    return signal;
                }
            }
        }

        return Signal.None;
    }

    private static int Matches(in Value value, Expression[] candidates, Renderer renderer)
    {
        var count = 0;
        foreach (var candidate in candidates)
        {
            renderer.Step();
            if (Comparison.AreEqual(renderer, value, candidate.Evaluate(renderer)))
            {
                count++;
            }
        }

        return count;
    }
}
