using Ekiben.Delivery;
using Microsoft.Extensions.Time.Testing;

namespace Ekiben.Tests.Delivery;

/// <summary>Which relay is next: nothing connects here.</summary>
public sealed class RelayTurnsTests
{
    private readonly FakeTimeProvider _clock = new(DateTimeOffset.UnixEpoch.AddYears(60));
    private readonly SiteRoutes _routes;
    private readonly RelayTurns _turns;

    public RelayTurnsTests()
    {
        _routes = new SiteRoutes(_clock);
        _turns = new RelayTurns(_routes, _clock);
    }

    [Fact]
    public void Turns_of_three_to_one_go_round_smoothly_and_always_alike()
    {
        Use(Relay("A", weight: 3), Relay("B"));
        Assert.Equal("AABAAABAAABA", string.Concat(Enumerable.Range(0, 12).Select(_ => Turn())));
    }

    [Theory]
    [InlineData(3, 1, 42, 32, 10)]
    [InlineData(1, 1, 64, 32, 32)]
    [InlineData(100, 1, 32, 32, 0)]
    [InlineData(1, 2, 48, 16, 32)]
    public void Connections_held_at_once_stand_to_each_other_as_the_weights(int a, int b, int lanes, int ofA, int ofB)
    {
        Use(Relay("A", 32, a), Relay("B", 32, b));
        Assert.Equal(lanes, _turns.Lanes);
        var held = Enumerable.Range(0, lanes).Select(_ => _turns.Next()!.Route.Terms.Name).ToList();
        Assert.InRange(held.Count(name => name == "A"), ofA - 1, ofA);
        Assert.InRange(held.Count(name => name == "B"), ofB, ofB + 1);
    }

    [Fact]
    public void One_relay_that_is_slow_gets_no_more_than_its_share_of_the_lanes()
    {
        Use(Relay("A", 4), Relay("B", 4));
        var slow = 0;
        for (var turn = 0; turn < 40; turn++)
        {
            // Turns at A end at once, those at B never.
            if (_turns.Next() is { Route.Terms.Name: "A" } quick)
            {
                _turns.End(quick);
            }
            else
            {
                slow++;
            }
        }

        Assert.Equal(4, slow);
    }

    [Fact]
    public void The_next_priority_stands_in_and_one_turn_tries_whether_the_first_is_back()
    {
        Use(Relay("First", 8), Relay("Second", 4, priority: 1));
        Assert.Equal(8, _turns.Lanes);
        Assert.Equal("First", Turn());
        Fail("First");
        Assert.Equal(4, _turns.Lanes);
        Assert.Equal("Second", Turn());

        _clock.Advance(TimeSpan.FromSeconds(1));
        var trying = _turns.Next()!;
        Assert.Equal("First", trying.Route.Terms.Name);
        Assert.Equal("Second", Turn());
        _turns.Answered(trying);
        Assert.Equal(("First", 8), (Turn(), _turns.Lanes));
    }

    [Fact]
    public void Who_works_at_the_second_goes_to_the_first_when_that_is_back()
    {
        Use(Relay("First"), Relay("Second", priority: 1));
        Fail("First");
        var second = _turns.Next()!;
        Assert.True(_turns.GoesOn(second));
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.False(_turns.GoesOn(second));
    }

    [Fact]
    public void Rests_grow_to_half_a_minute_and_many_who_hear_of_one_failure_are_one()
    {
        Use(Relay("First"), Relay("Second", priority: 1));
        foreach (var seconds in (int[])[1, 2, 4, 8, 16, 30, 30])
        {
            Fail("First");
            Fail("First");
            Assert.Equal(_clock.GetUtcNow().AddSeconds(seconds), Route("First").Rest!.Until);
            _clock.Advance(TimeSpan.FromSeconds(seconds));
        }
    }

    [Fact]
    public void An_answer_to_a_turn_that_began_before_the_failure_ends_no_rest()
    {
        Use(Relay("First"), Relay("Second", priority: 1));
        var older = _turns.Next()!;
        Fail("First");
        _turns.Answered(older);
        Assert.Equal("Second", Turn());
        Assert.True(_turns.GoesOn(older), "its connection works");
    }

    [Fact]
    public void When_all_rest_the_reason_names_them_and_the_first_to_be_tried_says_when()
    {
        Use(Relay("First"), Relay("Second", priority: 1));
        Fail("First");
        Fail("First");
        Fail("Second");
        Assert.Null(_turns.Next());
        var (reason, until) = _turns.Rest()!.Value;
        Assert.Contains("First (it is away)", reason, StringComparison.Ordinal);
        Assert.Contains("Second (it is away)", reason, StringComparison.Ordinal);
        Assert.Equal(_clock.GetUtcNow().AddSeconds(1), until);
    }

    [Fact]
    public void Only_when_all_refuse_is_there_a_sentence_to_hold_with_and_all_are_tried_anew_after_it()
    {
        Use(Relay("First"), Relay("Second", priority: 1));
        Assert.Null(_routes.Failed(Route("First"), "535 no.", refuses: true));
        Assert.Equal(_clock.GetUtcNow() + SiteRoutes.RefusalRest, Route("First").Rest!.Until);
        Assert.Null(_routes.Failed(Route("Second"), "it is away.", refuses: false));
        Assert.Equal("Every relay refuses us: First (535 no); Second (550 no).", _routes.Failed(Route("Second"), "550 no.", refuses: true));
        Assert.Equal("First", Turn());
    }

    [Fact]
    public void The_only_relay_is_always_tried_and_its_refusal_is_the_sentence()
    {
        Use(Relay("Only"));
        Fail("Only");
        Assert.Equal("Only", Turn());
        Assert.Equal("535 no.", _routes.Failed(Route("Only"), "535 no.", refuses: true));
    }

    [Fact]
    public void A_change_of_the_rows_is_followed_and_what_is_known_of_those_that_stay_is_kept()
    {
        var (first, second) = (Relay("First"), Relay("Second"));
        Use(first, second);
        Fail("First");
        var (changed, turn) = (_turns.Changed, _turns.Next()!);
        Assert.Equal("Second", turn.Route.Terms.Name);
        Use(first with { Weight = 7 }, Relay("Third"));
        Assert.True(changed.IsCompleted);
        Assert.True(turn.Route.IsGone);
        Assert.False(_turns.GoesOn(turn));
        Assert.NotNull(Route("First").Rest);
        Assert.Equal("Third", Turn());
        Use();
        Assert.Null(_turns.Next());
        Assert.Null(_turns.Rest());
    }

    private void Use(params RouteTerms[] terms) => _routes.Replace(terms);

    private RouteTerms Relay(string name, int connections = 2, int weight = 1, int priority = 0) => new(
        null, name, new RelayPool(new SmtpRelay(new RelayOptions { Host = "127.0.0.1", Port = 1, Tls = RelayTls.None, Connections = connections }, _clock), _clock), weight, priority);

    private RelayRoute Route(string name) => _routes.All.Single(route => route.Terms.Name == name);

    private void Fail(string name) => _routes.Failed(Route(name), "it is away.", refuses: false);

    private string Turn()
    {
        var turn = _turns.Next()!;
        _turns.End(turn);
        return turn.Route.Terms.Name;
    }
}
