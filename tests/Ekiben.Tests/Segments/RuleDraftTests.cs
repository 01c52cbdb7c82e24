using CsCheck;
using Ekiben.Segments;

namespace Ekiben.Tests.Segments;

/// <summary>A rule while it is built: what comes out means what went in.</summary>
public sealed class RuleDraftTests
{
    [Fact]
    public void What_is_opened_and_saved_unchanged_means_the_same() => Gen.Int[0, 99].Array[60].Sample(choices =>
    {
        var rule = new Maker(choices).Rule(0);
        return Plain(RuleDraft.Of(rule).ToRule(out _)!) == Plain(rule);
    });

    [Fact]
    public void Unfinished_rule_is_none()
    {
        var draft = new RuleGroupDraft(GroupKind.All, [new RuleLineDraft { IsTag = true, Name = "lead" }, new RuleLineDraft { Name = "plan" }]);

        Assert.Null(draft.ToRule(out var problem));
        Assert.Null(problem);
        Assert.Null(new RuleGroupDraft(GroupKind.Any, []).ToRule(out _));
    }

    [Theory]
    [InlineData("12", 12.0)]
    [InlineData("1.5", 1.5)]
    [InlineData("true", true)]
    [InlineData("Berlin", "Berlin")]
    public void Typed_value_gets_the_type_that_an_import_gives_it(string typed, object expected)
    {
        var draft = new RuleGroupDraft(GroupKind.All, [new RuleLineDraft { Name = "plan", Value = typed }]);

        var all = Assert.IsType<SegmentRule.All>(draft.ToRule(out _));
        Assert.Equal(new SegmentRule.FieldIs("plan", FieldTest.Equal, expected), Assert.Single(all.Rules));
    }

    /// <summary>Without the groups of one that a draft wraps around, so that equal meanings are equal texts.</summary>
    private static string Plain(SegmentRule rule) => rule switch
    {
        SegmentRule.All { Rules: [var only] } => Plain(only),
        SegmentRule.Any { Rules: [var only] } => Plain(only),
        SegmentRule.All all => $"all({string.Join(",", all.Rules.Select(Plain))})",
        SegmentRule.Any any => $"any({string.Join(",", any.Rules.Select(Plain))})",
        SegmentRule.Not not => $"not({Plain(not.Rule)})",
        _ => rule.ToString()!,
    };

    /// <summary>A rule from a row of numbers, so that a failing one gets smaller.</summary>
    private sealed class Maker(int[] choices)
    {
        private static readonly object[] Values = [12L, 1.5, "pro", "10", "true", true, false];

        private int _next;

        public SegmentRule Rule(int depth) => depth > 2 ? Leaf() : Choose(5) switch
        {
            0 => new SegmentRule.All([.. Rules(depth)]),
            1 => new SegmentRule.Any([.. Rules(depth)]),
            2 => new SegmentRule.Not(Rule(depth + 1)),
            _ => Leaf(),
        };

        private IEnumerable<SegmentRule> Rules(int depth) => Enumerable.Range(0, 1 + Choose(3)).Select(_ => Rule(depth + 1));

        private SegmentRule Leaf() => Choose(3) switch
        {
            0 => new SegmentRule.HasTag(Choose(2) == 0 ? "lead" : "vip"),
            1 => new SegmentRule.FieldIs("city", FieldTest.Exists, null),
            _ => new SegmentRule.FieldIs("plan", Choose(2) == 0 ? FieldTest.Equal : FieldTest.Less, Values[Choose(Values.Length)]),
        };

        private int Choose(int of) => choices[_next++ % choices.Length] % of;
    }

    [Theory]
    [InlineData("""{"field":"x","value":"a\u0000"}""")]
    [InlineData("""{"and":[{"field":"x\u0000","op":"exists"}]}""")]
    [InlineData("""{"not":{"tag":"a\u0000"}}""")]
    public void A_rule_with_NUL_is_refused(string rule)
    {
        Assert.False(SegmentRule.TryParse(Ekiben.Web.ApiJson.Element(rule), out _, out var error));
        Assert.Equal("rule must not contain NUL", error);
    }
}
