using System.Text;
using Ekiben.Delivery;
using Ekiben.Sink;
using Ekiben.Tests.Fixture;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Tests.Delivery;

/// <summary>Relays that owners set up in the platform.</summary>
public sealed class StoredRelayTests
{
    private const string Password = "a-password-nobody-reads";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Site_sends_by_the_relay_that_it_names_and_not_by_the_servers()
    {
        await using var sending = await SendingApp.StartAsync();
#pragma warning disable RS0030 // The sink plays the outside world.
        await using var own = await SmtpSink.StartAsync(
            new SmtpSinkOptions { KeepMessages = true, Credentials = new SinkCredentials("noodles", Password) }, TimeProvider.System, Cancel);
#pragma warning restore RS0030
        await NameRelayAsync(sending, own, Password);
        await sending.PeopleAsync(3);

        await sending.UntilStatusAsync(await sending.SendAsync(), "sent");

        Assert.Equal(3, own.Messages.Count(message => message.Accepted));
        Assert.Empty(sending.Sink.Messages);
    }

    [Fact]
    public async Task Password_is_nowhere_in_the_database_file()
    {
        await using var sending = await SendingApp.StartAsync();
        await NameRelayAsync(sending, sending.Sink, Password);
        sending.Sql("PRAGMA wal_checkpoint(TRUNCATE)");

        await using var db = sending.App.Database.OpenEverySite();
        Assert.Equal("noodles", (await db.Relays.SingleAsync(Cancel)).UserName);
        var bytes = await ReadSharedAsync(sending.App.Options.DatabaseFile);
        Assert.True(bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes("noodles")) >= 0);
        Assert.True(bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes(Password)) < 0);
    }

    [Fact]
    public async Task Relay_whose_password_cannot_be_read_holds_and_says_so()
    {
        await using var sending = await SendingApp.StartAsync();
        await NameRelayAsync(sending, sending.Sink, Password);
        await sending.App.WriteAsync(async db => (await db.Relays.SingleAsync(Cancel)).ProtectedPassword = "from-another-instance");
        await sending.PeopleAsync(1);

        var broadcast = await sending.SendAsync();

        await sending.UntilStatusAsync(broadcast, "held");
        Assert.Contains("cannot be read", await sending.ReasonAsync(broadcast), StringComparison.Ordinal);
        Assert.Empty(sending.Sink.Messages);
    }

    [Fact]
    public async Task Test_says_in_one_sentence_what_the_relay_said()
    {
#pragma warning disable RS0030 // The sink plays the outside world.
        await using var sink = await SmtpSink.StartAsync(new SmtpSinkOptions { Credentials = new SinkCredentials("noodles", Password) }, TimeProvider.System, Cancel);
        var test = new RelayTest(TimeProvider.System);
#pragma warning restore RS0030
        var form = Form(sink, Password);

        var (works, good) = await test.RunAsync(form.Options(null), Cancel);
        Assert.True(works, good);
        form.Password = "wrong";
        var (refused, bad) = await test.RunAsync(form.Options(null), Cancel);
        Assert.False(refused);
        Assert.DoesNotContain("wrong", bad, StringComparison.Ordinal);
        form.Port = 1;
        Assert.False((await test.RunAsync(form.Options(null), Cancel)).Works);
    }

    [Theory]
    [InlineData("", "smtp.example.com", 587, RelayTls.StartTls)]
    [InlineData("R", "not a host", 587, RelayTls.StartTls)]
    [InlineData("R", "smtp.example.com", 0, RelayTls.StartTls)]
    [InlineData("R", "smtp.example.com", 25, RelayTls.None)]
    internal void Form_says_what_to_mend(string name, string host, int port, RelayTls tls) =>
        Assert.NotNull(new RelayForm { Name = name, Host = host, Port = port, Tls = tls }.Fault());

    [Fact]
    public void Stored_password_goes_to_no_other_host()
    {
        var stored = new StoredRelay { Name = "R", Host = "smtp.example.com", Port = 587, Tls = RelayTls.StartTls, UserName = "u", ProtectedPassword = "kept" };
        var form = RelayForm.Of(stored);
        Assert.Null(form.PasswordFault(stored));

        form.Host = "elsewhere.example";
        Assert.NotNull(form.PasswordFault(stored));
        form.Password = "typed again";
        Assert.Null(form.PasswordFault(stored));
    }

    private static RelayForm Form(SmtpSink sink, string password) => new()
    {
        Name = "Own",
        Host = sink.EndPoint.Address.ToString(),
        Port = sink.EndPoint.Port,
        Tls = RelayTls.None,
        UserName = "noodles",
        Password = password,
        Connections = 2,
    };

    private static Task NameRelayAsync(SendingApp sending, SmtpSink sink, string password) => sending.App.WriteAsync(async db =>
    {
        var form = Form(sink, password);
        Assert.Null(form.Fault());
        var now = sending.App.Options.Clock.GetUtcNow();
        var relay = new StoredRelay { Name = "", Host = "", CreatedAt = now };
        form.Fill(relay, sending.App.Service<StoredRelays>(), now);
        db.Relays.Add(relay);
        await db.SaveChangesAsync(Cancel);
        db.SiteRelays.Add(new SiteRelay { SiteId = sending.Site.Id, RelayId = relay.Id });
    });

    private static async Task<byte[]> ReadSharedAsync(string file)
    {
        await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var copy = new MemoryStream();
        await stream.CopyToAsync(copy, Cancel);
        return copy.ToArray();
    }
}
