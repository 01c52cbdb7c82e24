using System.Text.Json;
using Ekiben.Delivery;
using Ekiben.Sink;
using Ekiben.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;

namespace Ekiben.Tests.Fixture;

/// <summary>A server whose engine runs, and the SMTP sink that it sends to. Each test has its own.</summary>
internal sealed class SendingApp : IAsyncDisposable
{
    private SendingApp(EkibenApp app, SmtpSink sink, TestSite site) => (App, Sink, Site) = (app, sink, site);

    private int _sent;

    public EkibenApp App { get; }

    public SmtpSink Sink { get; }

    /// <summary>A live site, which sends to the sink.</summary>
    public TestSite Site { get; }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static async Task<SendingApp> StartAsync(
        string[]? faults = null, int connections = 4, TimeProvider? clock = null, SinkCredentials? credentials = null, string? login = null,
        bool smtpUtf8 = true, TimeProvider? sinkClock = null, Func<System.Net.IPEndPoint, System.Net.IPEndPoint>? through = null, string? folder = null, string? database = null, Ekiben.Dns.DnsOption? dns = null)
    {
#pragma warning disable RS0030 // The sink plays the outside world: its clock is the machine's unless a test must wait for it.
        var sink = await SmtpSink.StartAsync(
            new SmtpSinkOptions { KeepMessages = true, Faults = [.. (faults ?? []).Select(FaultRule.Parse)], Credentials = credentials, SmtpUtf8 = smtpUtf8 }, sinkClock ?? TimeProvider.System, Cancel);
#pragma warning restore RS0030
        Assert.True(RelayOptions.TryParse($"smtp://{login}{through?.Invoke(sink.EndPoint) ?? sink.EndPoint}?connections={connections}", out var relay, out var error), error);
        var app = await EkibenApp.StartAsync(options => options with { RunEngine = true, Relay = relay, Clock = clock ?? options.Clock, MinFreeBytes = 0, DataFolder = folder ?? options.DataFolder, Database = database, Dns = dns ?? options.Dns });
        return new SendingApp(app, sink, await app.AddSiteAsync(isTest: false));
    }

    public Task PeopleAsync(int count, Func<int, object>? make = null) => Site.ImportAsync(
        [.. Enumerable.Range(1, count).Select(make ?? (i => new { email = $"p{i}@example.com", first_name = $"P{i}" }))]);

    /// <summary>Posts a broadcast that goes out at once.</summary>
    public Task<string> SendAsync(string subject = "Hi {{ visitor.first_name }}", int? rate = null, string? inclusive = null, string? exclusive = null) => Site.CreatedAsync(new
    {
        // Each its own: equal ones within ten minutes are one.
        name = $"Broadcast {++_sent}",
        subject,
        content = "<p>Hello {{ visitor.first_name }}</p>",
        type = "plain",
        inclusive_tags = inclusive ?? "",
        exclusive_tags = exclusive ?? "",
        batch_size_per_hour = rate,
        send_at = "2022-12-13 12:50",
        approved = true,
    });

    public Task<string> DraftAsync() => Site.CreatedAsync(new { name = "Draft", subject = "Hi", content = "<p>Hello</p>", type = "plain" });

    public async Task<JsonElement> ReceiptAsync(string id) => (await Site.GetAsync($"/api/ekiben/v1/broadcasts/{id}/receipt")).Json;

    public async Task<IReadOnlyList<JsonElement>> RecipientsAsync(string id, string query = "") =>
        [.. (await Site.GetAsync($"/api/ekiben/v1/broadcasts/{id}/recipients?limit=1000&{query}")).Json.GetProperty("data").EnumerateArray()];

    public Task<Reply> ActAsync(string id, string noun) => Site.PostAsync($"/api/ekiben/v1/broadcasts/{id}/{noun}");

    public Task<Reply> ChangeRateAsync(string id, int? perHour) =>
        Site.PatchAsync($"/api/ekiben/v1/broadcasts/{id}", new { batch_size_per_hour = perHour });

    /// <summary>Waits until the receipt is as wanted; it asks the server again and again, and gives up with the test.</summary>
    /// <param name="id">The broadcast.</param>
    /// <param name="wanted">When to stop waiting.</param>
    /// <param name="ticking">A clock that goes on by a second with each look, for what waits on it.</param>
    public async Task<JsonElement> UntilAsync(string id, Func<JsonElement, bool> wanted, FakeTimeProvider? ticking = null)
    {
        var deadline = new CancellationTokenSource();
#pragma warning disable RS0030 // Waiting for another thread of this process; nothing is asserted about how long it takes.
        deadline.CancelAfter(TimeSpan.FromSeconds(60));
        while (true)
        {
            var receipt = await ReceiptAsync(id);
            if (wanted(receipt))
            {
                return receipt;
            }

            Assert.False(deadline.IsCancellationRequested, $"it did not come to that: {receipt} {string.Join('\n', App.Log.Lines)}");
            ticking?.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(20, Cancel);
        }
#pragma warning restore RS0030
    }

    public Task<JsonElement> UntilStatusAsync(string id, string status, FakeTimeProvider? ticking = null) =>
        UntilAsync(id, receipt => receipt.GetProperty("status").GetString() == status, ticking);

    public async Task<string?> ReasonAsync(string id)
    {
        await using var db = App.Database.OpenEverySite();
        var number = new BroadcastId(long.Parse(id, System.Globalization.CultureInfo.InvariantCulture));
        return (await db.Broadcasts.SingleAsync(b => b.Id == number, Cancel)).StatusReason;
    }

    /// <summary>Changes the database as no part of Ekiben would.</summary>
    public void Sql(string sql)
    {
        using var connection = App.Database.ConnectAsync(Cancel).GetAwaiter().GetResult();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    /// <summary>One number by hand-written SQL.</summary>
    public long Count(string sql)
    {
        using var connection = App.Database.ConnectAsync(Cancel).GetAwaiter().GetResult();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return Convert.ToInt64(command.ExecuteScalar(), System.Globalization.CultureInfo.InvariantCulture);
    }

    public IReadOnlyList<SinkMessage> Accepted => [.. Sink.Messages.Where(message => message.Accepted)];

    public async ValueTask DisposeAsync()
    {
        await App.DisposeAsync();
        await Sink.DisposeAsync();
    }
}

/// <summary>Numbers of a receipt.</summary>
internal static class ReceiptNumbers
{
    public static long Number(this JsonElement receipt, string name) => receipt.GetProperty(name).GetInt64();

    public static bool IsBalanced(this JsonElement receipt) => receipt.GetProperty("balanced").GetBoolean();
}
