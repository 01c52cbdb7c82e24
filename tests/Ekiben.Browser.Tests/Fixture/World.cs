using System.Globalization;
using Ekiben.Accounts;
using Ekiben.Broadcasts;
using Ekiben.Delivery;
using Ekiben.Sink;
using Ekiben.Storage;
using Ekiben.Tests.Fixture;
using Ekiben.Tests.Web;
using Microsoft.EntityFrameworkCore;

[assembly: AssemblyFixture(typeof(Ekiben.Browser.Tests.Fixture.World))]

namespace Ekiben.Browser.Tests.Fixture;

/// <summary>
/// A server with something to see in every corner: a live site whose relay is our sink, a test site, people, and a broadcast in each status.
/// Shared by the tests that only look; a journey that changes something starts a <see cref="SendingApp"/> or adds a site of its own.
/// </summary>
public sealed class World : IAsyncLifetime
{
    private const int People = 140;

    private readonly Dictionary<string, string> _broadcasts = [];
    private SmtpSink _sink = null!;

    internal EkibenApp App { get; private set; } = null!;

    internal TestSite Live { get; private set; } = null!;

    internal TestSite Test { get; private set; } = null!;

    /// <summary>The number of the broadcast that stands in a status, such as <c>sent</c>.</summary>
    internal string Broadcast(string status) => _broadcasts[status];

    internal SubscriberId PersonId { get; private set; }

    internal long TagId { get; private set; }

    internal long FieldId { get; private set; }

    internal string SegmentId { get; private set; } = "";

    internal string LayoutId { get; private set; } = "";

    internal string SequenceId { get; private set; } = "";

    internal long StepId { get; private set; }

    internal long KeyId { get; private set; }

    internal string AccountId { get; private set; } = "";

    /// <summary>The path of an invitation that nobody uses.</summary>
    internal string Welcome { get; private set; } = "";

    public async ValueTask InitializeAsync()
    {
#pragma warning disable RS0030 // The sink plays the outside world.
        _sink = await SmtpSink.StartAsync(
            new SmtpSinkOptions { Faults = [FaultRule.Parse("rcpt:550 5.1.1 No such user:to=p7@*"), FaultRule.Parse("rcpt:451 4.3.0 Later:to=p11@*"), FaultRule.Parse("rcpt:550 5.7.1 Not here:to=guest@*")] }, TimeProvider.System, default);
#pragma warning restore RS0030
        Assert.True(RelayOptions.TryParse($"smtp://{_sink.EndPoint}?connections=4", out var relay, out var error), error);
        App = await EkibenApp.StartAsync(options => options with { RunEngine = true, Relay = relay, MinFreeBytes = 0 });
        Live = await App.AddSiteAsync("Noodle House", isTest: false, timeZone: "Europe/Berlin", author: "news@noodles.example");
        Test = await App.AddSiteAsync("Try-outs", author: "tryout@noodles.example");
        await AddPeopleAsync();
        await AddRulesAsync();
        await AddBroadcastsAsync();
        await AddMailsAsync();
        await AddAccountsAsync();
        Assert.Null((await App.Service<Ekiben.Domains.DomainActions>().AddAsync(Live.Site, "noodles.example", null, ed25519: true, Actor.Cli, default)).Problem);
        await App.Service<Ekiben.Domains.DomainActions>().KeepCheckAsync(
            Live.Id, "noodles.example",
            [
                new("e1._domainkey.noodles.example", "DKIM", Ekiben.Domains.RecordState.Ok, "It holds this server's key."),
                new("noodles.example", "SPF", Ekiben.Domains.RecordState.Ok, "There is one; whether it names your relay is for you to see."),
                new("_dmarc.noodles.example", "DMARC", Ekiben.Domains.RecordState.Missing, "There is no v=DMARC1 text: the big receivers want one, p=none is enough."),
            ], default);
        await FindIdsAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await App.DisposeAsync();
        await _sink.DisposeAsync();
    }

    private async Task AddPeopleAsync()
    {
        string[] first = ["Ayşe", "Bo", "Chiara", "Dmitri", "Emeka", "Fatima", "Grace", "Hana", "Ines", "Jürgen"];
        string[] last = ["Okafor", "Lindqvist", "Tanaka", "Müller-Schönefeld", "Rossi", "Haddad"];
        await Live.ImportAsync([.. Enumerable.Range(1, People).Select(i => new
        {
            email = $"p{i}@people.example",
            first_name = first[i % first.Length],
            last_name = last[i % last.Length],
            city = i % 3 == 0 ? "Berlin" : i % 3 == 1 ? "Wien" : null,
            plan = i % 4 == 0 ? "pro" : "free",
            tags = i % 2 == 0 ? "newsletter,regular" : "newsletter",
        })]);
        await Test.ImportAsync([.. Enumerable.Range(1, 6).Select(i => new { email = $"t{i}@people.example", first_name = first[i] })]);
        foreach (var i in (int[])[5, 25, 45])
        {
            var reply = await Live.PostAsync("/api/v1/fetch/commands", new { command = new { command = "unsubscribe", email = $"p{i}@people.example" } });
            Assert.True((int)reply.Status < 300, reply.Text);
        }
    }

    private async Task AddRulesAsync()
    {
        await Created(Live.PostAsync("/api/ekiben/v1/layouts", new
        {
            name = "House style",
            html = "<html><body style=\"font-family: sans-serif\"><h1>Noodle House</h1>{{ content }}<p>Torstraße 1, Berlin</p></body></html>",
        }));
        await Created(Live.PostAsync("/api/ekiben/v1/segments", new
        {
            name = "Regulars in Berlin",
            description = "Those who live here and came twice.",
            rule = new { and = new object[] { new { field = "city", op = "eq", value = "Berlin" }, new { tag = "regular" } } },
        }));
    }

    private async Task AddMailsAsync()
    {
        await Created(Live.PostAsync("/api/v1/batch/emails", new
        {
            emails = new[] { "p3@people.example", "p7@people.example", "p11@people.example", "p5@people.example", "guest@people.example" }.Select(to => new
            {
                to,
                from = "news@noodles.example",
                subject = "Your table for {{ people }} on Friday",
                html_body = "<p>We look forward to it.</p>",
                transactional = to != "p5@people.example",
                personalizations = new { people = 2 },
            }),
        }));
        var list = await Live.PostAsync("/api/ekiben/v1/sequences", new { name = "First visit", enrol_tag = "first-visit" });
        SequenceId = list.Json.GetProperty("id").GetString()!;
        await Created(AppendAsync("Thank you for coming, {{ visitor.first_name }}", null, null));
        await Created(AppendAsync("The menu of the month", "days", 3));
        await Created(AppendAsync("A bowl on the house", "months", 1));
        await Live.ImportAsync([.. Enumerable.Range(20, 12).Select(i => new { email = $"p{i}@people.example", tags = "first-visit" })]);
        await Live.PostAsync("/api/v1/fetch/commands", new { command = new { command = "unsubscribe", email = "p31@people.example" } });
        await UntilAsync(async () =>
        {
            var mails = (await Live.GetAsync("/api/ekiben/v1/mails?limit=100")).Json.GetProperty("data").EnumerateArray().ToList();
            return mails.Count >= 15 && mails.TrueForAll(mail => mail.GetProperty("state").GetString() is not ("pending" or "sending"));
        });
    }

    private Task<Reply> AppendAsync(string subject, string? unit, int? count) => Live.PostAsync(
        $"/api/v1/fetch/sequences/{SequenceId}/emails/templates",
        new { email_template = new { subject, html = "<p>Good day {{ visitor.first_name }}</p>", delay_interval = unit, delay_interval_count = count } });

    private async Task AddAccountsAsync()
    {
        AccountId = (await PlatformVisitor.AddUserAsync(App, Roles.Approver)).Id;
        await App.WriteAsync(db =>
        {
            Welcome = App.Service<Invitations>().Add(db, "hana@noodles.example", Roles.Author, Actor.Cli, Invitations.ValidFor);
            return Task.CompletedTask;
        });
    }

    private async Task FindIdsAsync()
    {
        await using var db = App.Database.Open(Live.Id);
        PersonId = await db.Subscribers.Where(s => s.Address.Normalised == "p7@people.example").Select(s => s.Id).SingleAsync();
        TagId = await db.Tags.Where(t => t.Name == "newsletter").Select(t => t.Id).SingleAsync();
        FieldId = await db.Fields.Where(f => f.Key == "city").Select(f => f.Id).SingleAsync();
        SegmentId = await db.Segments.Select(s => s.PublicId).SingleAsync();
        LayoutId = await db.Layouts.Select(l => l.PublicId).SingleAsync();
        StepId = await db.SequenceSteps.Select(step => step.Id).FirstAsync();
        KeyId = await db.ApiKeys.Select(k => k.Id).SingleAsync();
    }

    private async Task AddBroadcastsAsync()
    {
        var later = App.Options.Clock.GetUtcNow().AddDays(2).ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);
        await AddAsync("sent", "Spring menu", "The spring menu is here, {{ visitor.first_name }}", new { approved = true, send_at = "2022-12-13 12:50" });
        await UntilAsync(async () => (await Live.GetAsync($"/api/ekiben/v1/broadcasts/{Broadcast("sent")}/receipt")).Json is var receipt
            && receipt.Number("pending") + receipt.Number("sending") == 0 && receipt.Number("accepted") > 0);
        await AddAsync("sending", "Opening hours in summer", "We open at ten", new { approved = true, send_at = "2022-12-13 12:50", batch_size_per_hour = 60 });
        await AddAsync("paused", "A seat at the counter", "Come and sit", new { approved = true, send_at = "2022-12-13 12:50", batch_size_per_hour = 30 });
        await UntilAsync(async () => (await Live.PostAsync($"/api/ekiben/v1/broadcasts/{Broadcast("paused")}/pause")).Status is System.Net.HttpStatusCode.OK);
        await AddAsync("scheduled", "Ramen week", "Seven bowls in seven days", new { approved = true, send_at = later, batch_size_per_hour = 500 });
        await AddAsync("canceled", "Old news", "This was not sent", new { });
        await Created(Live.PostAsync($"/api/ekiben/v1/broadcasts/{Broadcast("canceled")}/cancellation"));
        await AddAsync("held", "Autumn letter", "Leaves and noodles", new { });
        await App.WriteAsync(db =>
        {
            var held = db.Broadcasts.Single(b => b.Id == new BroadcastId(long.Parse(Broadcast("held"), CultureInfo.InvariantCulture)));
            held.Status = BroadcastStatus.Held;
            held.StatusReason = "Approved for 137 people, now 1,950 match (+1,323 %).";
            return Task.CompletedTask;
        });
        await AddAsync("draft", "Winter menu", "Something warm, {{ visitor.first_name }}", new { send_at = later, batch_size_per_hour = 1500, inclusive_tags = "newsletter", exclusive_tags = "vip" });
        var tryout = await Test.CreatedAsync(new { name = "Try-out", subject = "A first look, {{ visitor.first_name }}", content = "<p>Hello {{ visitor.first_name }}</p>", type = "plain", approved = true, send_at = "2022-12-13 12:50" });
        await UntilAsync(async () => (await Test.GetAsync($"/api/ekiben/v1/broadcasts/{tryout}/receipt")).Json.GetProperty("status").GetString() == "sent");
    }

    private async Task AddAsync(string status, string name, string subject, object more)
    {
        var item = System.Text.Json.JsonSerializer.SerializeToNode(new
        {
            name,
            subject,
            content = "<h2>Good day {{ visitor.first_name }}</h2><p>The cook of {{ visitor.city | default: 'your town' }} has been busy. <a href=\"https://noodles.example/menu\">Read the menu</a></p>",
            type = "plain",
        })!.AsObject();
        foreach (var (key, value) in System.Text.Json.JsonSerializer.SerializeToNode(more)!.AsObject())
        {
            item[key] = value?.DeepClone();
        }

        _broadcasts[status] = await Live.CreatedAsync(item);
    }

    private static async Task Created(Task<Reply> asked)
    {
        var reply = await asked;
        Assert.True((int)reply.Status < 300, reply.Text);
    }

    /// <summary>Asks until it is so; nothing is asserted about how long that takes.</summary>
    private async Task UntilAsync(Func<Task<bool>> isSo)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(2), App.Options.Clock);
        while (!await isSo())
        {
            Assert.False(deadline.IsCancellationRequested, "the world did not become ready: " + string.Join('\n', App.Log.Lines));
            await Task.Delay(TimeSpan.FromMilliseconds(50), App.Options.Clock, default);
        }
    }
}
