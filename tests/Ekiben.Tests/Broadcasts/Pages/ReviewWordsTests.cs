using Ekiben.Broadcasts;
using Ekiben.Broadcasts.Pages;
using Ekiben.Segments;
using Ekiben.Web;

namespace Ekiben.Tests.Broadcasts.Pages;

/// <summary>The sentences and figures that a person reads before approving.</summary>
public sealed class ReviewWordsTests
{
    private static readonly DateTimeOffset Noon = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Rule_without_conditions_is_everybody() => Assert.Equal("Every subscriber of the site.", RuleInWords.Describe([], [], null, null));

    [Fact]
    public void Rule_names_tags_segment_and_exceptions()
    {
        var segment = SegmentRule.Parse("""{"and":[{"field":"plan","op":"eq","value":"pro"},{"or":[{"tag":"vip"},{"not":{"field":"city","op":"missing"}}]}]}""");

        Assert.Equal(
            "Subscribers tagged “lead” or “mql” and in the segment “Pros” (plan is “pro” and (tagged “vip” or city is filled in)), except those tagged “a”, “b” or “c”.",
            RuleInWords.Describe(["lead", "mql"], ["a", "b", "c"], "Pros", segment));
    }

    [Fact]
    public void Plan_without_a_time_starts_after_the_undo_window_and_ends_by_the_rate()
    {
        var plan = SendingPlan.BeforeStart(3000, 1500, null, Noon);

        Assert.Equal(Noon.AddSeconds(30), plan.StartsAt);
        Assert.Equal(Noon.AddSeconds(30).AddHours(2), plan.FinishesAt);
    }

    [Fact]
    public void Plan_with_a_time_to_come_starts_then()
    {
        var plan = SendingPlan.BeforeStart(750, 1500, Noon.AddDays(1), Noon);

        Assert.Equal(Noon.AddDays(1), plan.StartsAt);
        Assert.Equal(Noon.AddDays(1).AddMinutes(30), plan.FinishesAt);
    }

    [Fact]
    public void Plan_without_a_rate_has_no_end() => Assert.Null(SendingPlan.BeforeStart(3000, null, Noon.AddDays(-1), Noon).FinishesAt);

    [Theory]
    [InlineData(0, "today 13:00")]
    [InlineData(11, "tomorrow 00:00")]
    [InlineData(-14, "yesterday 23:00")]
    [InlineData(53, "Thu 18:00")]
    [InlineData(24 * 20, "14 Dec 13:00")]
    [InlineData(24 * 60, "23 Jan 2027 13:00")]
    public void Time_reads_in_the_viewers_zone(int hours, string text) =>
        Assert.Equal(text, Wording.Time(Noon.AddHours(hours), Noon, TimeZoneInfo.FindSystemTimeZoneById("Europe/Paris")));

    [Theory]
    [InlineData(-10, "just now")]
    [InlineData(-180, "3 minutes ago")]
    [InlineData(7200, "in 2 hours")]
    [InlineData(-86400 * 3, "3 days ago")]
    public void Distance_reads_as_people_say_it(int seconds, string text) => Assert.Equal(text, Wording.Ago(Noon.AddSeconds(seconds), Noon));

    [Theory]
    [InlineData("paused", "stopped")]
    [InlineData("sent", "sent")]
    [InlineData("nonsense", "draft")]
    [InlineData(null, "draft")]
    public void Unknown_filter_is_the_approvals(string? word, string shown) => Assert.Equal(shown, ListFilter.Of(word).Word);
}
