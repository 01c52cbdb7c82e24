using CsCheck;
using Ekiben.Segments;

namespace Ekiben.Tests.Segments;

/// <summary>A rule while it is built: what comes out means what went in.</summary>
public sealed class RuleDraftTests
{
    private static readonly Gen<SegmentRule> Leaf = Gen.OneOf<SegmentRule>(
        Gen.OneOfConst("lead", "vip").Select(SegmentRule (name) => new SegmentRule.HasTag(name)),
        Gen.Select(Gen.OneOfConst("plan", "age"), Gen.OneOfConst(FieldTest.Equal, FieldTest.Less, FieldTest.GreaterOrEqual), Gen.OneOf<object>(Gen.Long.Cast<object>(), Gen.OneOfConst<object>("pro", "10", "true"), Gen.Bool.Cast<object>()))
            .Select(SegmentRule (name, test, value) => new SegmentRule.FieldIs(name, test, value)),
        Gen.OneOfConst("plan", "city").Select(SegmentRule (name) => new SegmentRule.FieldIs(name, FieldTest.Exists, null)));

    private static readonly Gen<SegmentRule> Rule = Gen.Recursive<SegmentRule>((depth, inner) => depth > 2 ? Leaf : Gen.OneOf(
        Leaf,
        inner.List[1, 3].Select(SegmentRule (rules) => new SegmentRule.All(rules)),
        inner.List[1, 3].Select(SegmentRule (rules) => new SegmentRule.Any(rules)),
        inner.Select(SegmentRule (rule) => new SegmentRule.Not(rule))));

    [Fact]
    public void What_is_opened_and_saved_unchanged_means_the_same() => Rule.Sample(rule =>
        Plain(RuleDraft.Of(rule).ToRule(out _)!) == Plain(rule));

    [Fact]
    public void Unfinished_rule_is_none()
    {
        var draft = new RuleGroupDraft(GroupKind.All, [new RuleLineDraft { IsTag = true, Name = "lead" }, new RuleLineDraft { Name = "plan" }]);

        Assert.Null(draft.ToRule(out var problem));
        Assert.Null(problem);
        Assert.Null(new RuleGroupDraft(GroupKind.Any, []).ToRule(out _));
    }

    [Theory]
    [InlineData("12", 12L)]
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
}
