using System.Net;
using Ekiben.Accounts;
using Ekiben.Sequences;
using Ekiben.Storage;
using Ekiben.Tests.Fixture;
using Ekiben.Tests.Web;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;

namespace Ekiben.Tests.Sequences;

/// <summary>Sequences on each database: who gets which step when, and once.</summary>
[Trait("needs", "postgresql")]
public class SequencesTests(PostgresFixture postgres) : IClassFixture<PostgresFixture>
{
    private static readonly DateTimeOffset Start = new(2026, 1, 31, 9, 0, 0, TimeSpan.Zero);

    public static TheoryData<string> Databases { get; } = ["SQLite", "PostgreSQL"];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory, MemberData(nameof(Databases))]
    public async Task Whoever_is_enrolled_by_name_or_by_tag_gets_each_step_once_when_it_is_due(string database)
    {
        var clock = new FakeTimeProvider(Start);
        await using var app = await StartAsync(database, clock);
        var id = await MakeAsync(app, tag: "Trial");
        await AppendAsync(app, id, "First {{ visitor.first_name }}", "minutes", 30);
        await AppendAsync(app, id, "Second", "months", 1);
        await app.Site.ImportAsync(new { email = "bo@example.com", first_name = "Bo", tags = "trial" }, new { email = "other@example.com", tags = "lead" });
        // The same tag again enrols nobody again.
        await app.Site.ImportAsync(new { email = "bo@example.com", tags = "trial" });
        for (var twice = 0; twice < 2; twice++)
        {
            Assert.Equal(HttpStatusCode.Created, (await app.Site.PostAsync($"/api/ekiben/v1/sequences/{id}/enrolments", new { email = "ann@example.com" })).Status);
        }

        await StepAsync(app);
        Assert.Equal(0, app.Count("SELECT COUNT(*) FROM mails"));
        clock.Advance(TimeSpan.FromMinutes(30));
        await StepAsync(app);
        await StepAsync(app);
        Assert.Equal(2, app.Count("SELECT COUNT(*) FROM mails"));
        // A calendar month after the first steps, of which the 31st of February is its last day.
        clock.Advance(new DateTimeOffset(2026, 2, 28, 9, 29, 0, TimeSpan.Zero) - clock.GetUtcNow());
        await StepAsync(app);
        Assert.Equal(2, app.Count("SELECT COUNT(*) FROM mails"));
        clock.Advance(TimeSpan.FromMinutes(1));
        await StepAsync(app);
        Assert.Equal(4, app.Count("SELECT COUNT(*) FROM mails"));
        await Mails.MailStates.UntilAsync(app, "accepted", 4);
        Assert.Equal(["ann@example.com", "ann@example.com", "bo@example.com", "bo@example.com"], app.Accepted.Select(message => message.RcptTo.Single()).Order(StringComparer.Ordinal));
        var shown = (await app.Site.GetAsync($"/api/ekiben/v1/sequences/{id}")).Json;
        Assert.Equal((0, 2, 0), (shown.GetProperty("active").GetInt32(), shown.GetProperty("finished").GetInt32(), shown.GetProperty("ended").GetInt32()));
    }

    [Theory, MemberData(nameof(Databases))]
    public async Task An_unsubscription_ends_it_for_good(string database)
    {
        var clock = new FakeTimeProvider(Start);
        await using var app = await StartAsync(database, clock);
        var id = await MakeAsync(app, null);
        await AppendAsync(app, id, "Later", "days", 2);
        await app.Site.PostAsync($"/api/ekiben/v1/sequences/{id}/enrolments", new { email = "ann@example.com" });
        await StepAsync(app);
        await app.Site.PostAsync("/api/v1/fetch/commands", new { command = new { command = "unsubscribe", email = "ann@example.com" } });
        // Between two steps it is looked for them once a minute.
        clock.Advance(TimeSpan.FromMinutes(1));
        await StepAsync(app);
        await app.Site.PostAsync("/api/v1/fetch/commands", new { command = new { command = "subscribe", email = "ann@example.com" } });
        clock.Advance(TimeSpan.FromDays(3));
        await StepAsync(app);
        Assert.Equal(0, app.Count("SELECT COUNT(*) FROM mails"));
        var people = (await app.Site.GetAsync($"/api/ekiben/v1/sequences/{id}/enrolments?state=ended")).Json;
        Assert.Equal("ann@example.com", people.GetProperty("data")[0].GetProperty("email").GetString());
    }

    [Theory, MemberData(nameof(Databases))]
    public async Task Whoever_is_stopped_gets_no_further_step_and_the_figures_say_who_is_where(string database)
    {
        var clock = new FakeTimeProvider(Start);
        await using var app = await StartAsync(database, clock, "rcpt:550 5.7.1 Not here:to=no*");
        var id = await MakeAsync(app, "trial");
        await AppendAsync(app, id, "First", "minutes", 1);
        await AppendAsync(app, id, "Second", "days", 1);
        await app.Site.ImportAsync(new { email = "ann@example.com", tags = "trial" }, new { email = "bo@example.com", tags = "trial" }, new { email = "no@example.com", tags = "trial" });
        await StepAsync(app);
        clock.Advance(TimeSpan.FromMinutes(1));
        await StepAsync(app);
        await Mails.MailStates.UntilAsync(app, "accepted", 2);
        await Mails.MailStates.UntilAsync(app, "refused", 1);
        await using var db = app.App.Database.Open(app.Site.Id);
        var sequence = await db.Sequences.SingleAsync(Cancel);
        var people = await SequenceReading.PeopleAsync(db, sequence.Id, EnrolmentState.Active, long.MaxValue, 2, Cancel);
        Assert.Equal(["no@example.com 2", "bo@example.com 2"], people.Select(person => $"{person.Email} {person.NextStep}"));
        Assert.Equal("ann@example.com", Assert.Single(await SequenceReading.PeopleAsync(db, sequence.Id, EnrolmentState.Active, people[^1].Id, 2, Cancel)).Email);

        await app.App.WriteAsync(async every => Assert.Null(await SequenceEdits.StopAsync(every, people[1].Id, Cancel)));
        await app.App.WriteAsync(async every => Assert.NotNull(await SequenceEdits.StopAsync(every, people[1].Id, Cancel)));
        // The tag again does not bring them back.
        await app.Site.ImportAsync(new { email = "bo@example.com", tags = "trial" });
        await StepAsync(app);
        clock.Advance(TimeSpan.FromDays(1));
        await StepAsync(app);
        await Mails.MailStates.UntilAsync(app, "accepted", 3);
        await Mails.MailStates.UntilAsync(app, "refused", 2);

        Assert.Equal(["bo@example.com"], app.Accepted.Select(message => message.RcptTo.Single()).GroupBy(to => to).Where(group => group.Count() == 1).Select(group => group.Key));
        Assert.Equal(new SequencePeople(0, 2, 1), (await SequenceReading.CountAsync(db, [sequence.Id], Cancel))[sequence.Id]);
        Assert.Equal(
            [new StepCount(3, 2, 1), new StepCount(2, 1, 1)],
            (await StepCounts.ReadAsync(app.App.Database, app.Site.Id, sequence.Id, Cancel)).OrderBy(step => step.Key).Select(step => step.Value));
        Assert.Equal("bo@example.com", Assert.Single(await SequenceReading.PeopleAsync(db, sequence.Id, EnrolmentState.Ended, long.MaxValue, 9, Cancel)).Email);
    }

    [Theory]
    [InlineData(0, DelayUnit.Minutes, 0, "at once after the enrolment")]
    [InlineData(0, DelayUnit.Days, 1, "1 day after the enrolment")]
    [InlineData(3, DelayUnit.Months, 2, "2 months after the step before")]
    [InlineData(1, DelayUnit.Hours, 36, "36 hours after the step before")]
    internal void Delay_reads_as_a_sentence(int position, DelayUnit unit, int count, string expected) =>
        Assert.Equal(expected, SequenceWords.Delay(new SequenceStep { Subject = "", Html = "", Type = "raw", Position = position, DelayUnit = unit, DelayCount = count }));

    [Theory]
    [InlineData(Roles.Author, "", HttpStatusCode.OK, "ann@example.com,active,1,")]
    [InlineData(Roles.Author, "?state=finished", HttpStatusCode.OK, null)]
    [InlineData(Roles.Author, "?state=gone", HttpStatusCode.NotFound, null)]
    [InlineData(Roles.Viewer, "", HttpStatusCode.Forbidden, null)]
    public async Task People_of_a_sequence_go_into_a_file_for_who_may_write(string role, string query, HttpStatusCode expected, string? contained)
    {
        await using var app = await StartAsync("SQLite", new FakeTimeProvider(Start));
        var id = await MakeAsync(app, null);
        await app.Site.PostAsync($"/api/ekiben/v1/sequences/{id}/enrolments", new { email = "ann@example.com" });
        var user = await PlatformVisitor.AddUserAsync(app.App, role);
        using var visitor = new PlatformVisitor(app.App);
        (await visitor.LogInAsync(user.Email!)).Dispose();

        using var answer = await visitor.GetAsync($"/sequences/{id}/people.csv{query}");

        Assert.Equal(expected, answer.StatusCode);
        if (expected == HttpStatusCode.OK)
        {
            var lines = (await answer.Content.ReadAsStringAsync(Cancel)).Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
            Assert.Equal("email,state,next_step,due_at,since_at", lines[0]);
            Assert.Equal(contained is null ? 1 : 2, lines.Length);
            Assert.StartsWith(contained ?? "email", lines[^1], StringComparison.Ordinal);
            await using var db = app.App.Database.Open(app.Site.Id);
            Assert.Equal(id, Assert.Single(db.AuditLog.Where(entry => entry.Action == "people.exported").ToList()).Subject);
        }
    }

    [Theory, MemberData(nameof(Databases))]
    public async Task A_step_is_a_template_that_clients_read_and_change_by_its_number(string database)
    {
        await using var app = await StartAsync(database, new FakeTimeProvider(Start));
        var id = await MakeAsync(app, null);
        Assert.StartsWith("sequence_", id, StringComparison.Ordinal);
        var number = await AppendAsync(app, id, "Hello", "hours", 1);
        var list = (await app.Site.GetAsync("/api/v1/fetch/sequences?page=1")).Json.GetProperty("data")[0];
        Assert.Equal((id, number), (list.GetProperty("id").GetString(), list.GetProperty("attributes").GetProperty("email_templates")[0].GetProperty("id").GetInt64()));
        var changed = await app.Site.PatchAsync($"/api/v1/fetch/emails/templates/{number}", new { email_template = new { subject = "Changed" } });
        Assert.Equal("Changed", changed.Json.GetProperty("data").GetProperty("attributes").GetProperty("subject").GetString());
        var read = (await app.Site.GetAsync($"/api/v1/fetch/emails/templates/{number}")).Json.GetProperty("data");
        Assert.Equal((number.ToString(System.Globalization.CultureInfo.InvariantCulture), "Changed"), (read.GetProperty("id").GetString(), read.GetProperty("attributes").GetProperty("subject").GetString()));
        var missing = await app.Site.PostAsync("/api/v1/fetch/sequences/sequence_none/emails/templates", new { email_template = new { subject = "S", html = "<p>H</p>" } });
        Assert.Equal((HttpStatusCode.NotFound, "Sequence not found"), (missing.Status, missing.Json.GetProperty("error").GetString()));
        var wrong = await app.Site.PostAsync($"/api/v1/fetch/sequences/{id}/emails/templates", new { email_template = new { subject = "S", html = "<p>H</p>", delay_interval = "weeks" } });
        Assert.Equal(HttpStatusCode.UnprocessableEntity, wrong.Status);
    }

    [Theory]
    [InlineData("Minutes", 90, "2026-03-28T10:00:00Z", "2026-03-28T11:30:00Z")]
    [InlineData("Days", 1, "2026-03-28T10:00:00Z", "2026-03-29T09:00:00Z")]
    [InlineData("Months", 1, "2026-01-31T10:00:00Z", "2026-02-28T10:00:00Z")]
    // 02:30 is left out on that night.
    [InlineData("Days", 1, "2026-03-28T01:30:00Z", "2026-03-29T01:30:00Z")]
    public void Days_and_months_are_the_calendars_where_the_site_is(string unit, int count, string from, string due)
    {
        var step = new SequenceStep { Subject = "", Html = "", Type = "raw", DelayUnit = Enum.Parse<DelayUnit>(unit), DelayCount = count };
        Assert.Equal(Parse(due), step.DueAfter(Parse(from), TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin")));
    }

    private static DateTimeOffset Parse(string text) => DateTimeOffset.Parse(text, System.Globalization.CultureInfo.InvariantCulture);

    private static Task<bool> StepAsync(SendingApp app) => app.App.Service<SequencesWorker>().StepAsync(Cancel);

    private static async Task<string> MakeAsync(SendingApp app, string? tag) =>
        (await app.Site.PostAsync("/api/ekiben/v1/sequences", new { name = "Onboarding", enrol_tag = tag })).Json.GetProperty("id").GetString()!;

    private static async Task<long> AppendAsync(SendingApp app, string id, string subject, string unit, int count)
    {
        var answer = await app.Site.PostAsync($"/api/v1/fetch/sequences/{id}/emails/templates", new { email_template = new { subject, html = "<p>Hi</p>", delay_interval = unit, delay_interval_count = count } });
        Assert.Equal(HttpStatusCode.Created, answer.Status);
        return long.Parse(answer.Json.GetProperty("data").GetProperty("id").GetString()!, System.Globalization.CultureInfo.InvariantCulture);
    }

    private async Task<SendingApp> StartAsync(string database, FakeTimeProvider clock, params string[] faults) =>
        await SendingApp.StartAsync(faults, clock: clock, database: database == "SQLite" ? null : await postgres.Server.CreateDatabaseAsync(Cancel));
}
