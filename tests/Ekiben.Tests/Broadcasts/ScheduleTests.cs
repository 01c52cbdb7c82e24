using Ekiben.Broadcasts;

namespace Ekiben.Tests.Broadcasts;

public class ScheduleTests
{
    private static readonly DateTimeOffset Noon = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void It_waits_for_send_at() =>
        Assert.Equal(new ScheduleStep.Wait(Noon.AddHours(3)), Schedule.Decide(Due(Noon.AddHours(3)), Approved(Noon), Noon.AddHours(1)));

    [Fact]
    public void Send_at_in_the_past_is_at_once() =>
        Assert.IsType<ScheduleStep.Start>(Schedule.Decide(Due(Noon.AddYears(-4)), Approved(Noon), Noon));

    [Fact]
    public void Without_send_at_it_waits_for_the_end_of_the_undo_window()
    {
        var approval = Approved(Noon);
        approval.EffectiveAt = Noon.AddSeconds(30);
        Assert.Equal(new ScheduleStep.Wait(Noon.AddSeconds(30)), Schedule.Decide(Due(null), approval, Noon.AddSeconds(29)));
        Assert.IsType<ScheduleStep.Start>(Schedule.Decide(Due(null), approval, Noon.AddSeconds(30)));
    }

    [Fact]
    public void More_than_a_day_late_is_held()
    {
        Assert.IsType<ScheduleStep.Start>(Schedule.Decide(Due(Noon), Approved(Noon), Noon.AddHours(24)));
        Assert.IsType<ScheduleStep.Hold>(Schedule.Decide(Due(Noon), Approved(Noon), Noon.AddHours(24).AddSeconds(1)));
    }

    [Fact]
    public void Late_counts_from_the_approval_when_that_came_after_send_at() =>
        Assert.IsType<ScheduleStep.Start>(Schedule.Decide(Due(Noon.AddDays(-30)), Approved(Noon), Noon.AddHours(23)));

    [Theory]
    [InlineData(1000, 1100, false)]
    [InlineData(1000, 1101, true)]
    [InlineData(1000, 899, true)]
    [InlineData(100, 150, false)]
    [InlineData(100, 151, true)]
    [InlineData(0, 51, true)]
    public void An_audience_that_moved_by_a_tenth_and_fifty_people_is_shown_again(long approved, long now, bool held)
    {
        var approval = Approved(Noon);
        approval.ByPerson = true;
        approval.CountedRecipients = approved;
        Assert.Equal(held, Schedule.Drift(approval, now, guardKeys: false) is not null);
    }

    [Fact]
    public void A_keys_approval_binds_the_rule_alone_unless_the_site_guards_it()
    {
        var approval = Approved(Noon);
        approval.CountedRecipients = 10;
        Assert.Null(Schedule.Drift(approval, 10_000, guardKeys: false));
        Assert.NotNull(Schedule.Drift(approval, 10_000, guardKeys: true));
    }

    private static Broadcast Due(DateTimeOffset? at) => new()
    {
        Name = "n",
        Subject = "s",
        Content = "c",
        Type = "plain",
        FromEmail = "a@example.com",
        FromName = "A",
        CreatedBy = "cli",
        SendAt = at,
    };

    private static Approval Approved(DateTimeOffset at) => new()
    {
        Manifest = "{}",
        Seal = [],
        ApprovedBy = "cli",
        ApprovedAt = at,
        EffectiveAt = at,
        StartBase = at,
    };
}
