using System.Globalization;
using Ekiben.Sink;
using Microsoft.Extensions.Time.Testing;

namespace Ekiben.Tests.Sink;

public sealed class SinkJournalTests : IDisposable
{
#pragma warning disable xUnit1069 // every wait below takes the Cancellation property
    private const int Patience = 60_000; // a failsafe against a hang, not a measure
    private static readonly DateTimeOffset Noon = new(2026, 5, 4, 12, 0, 0, TimeSpan.Zero);

    private readonly string _path = Path.Combine(Directory.CreateTempSubdirectory("ekiben-sink-").FullName, "journal.jsonl");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(Path.GetDirectoryName(_path)!, recursive: true);

    [Fact(Timeout = Patience)]
    public async Task The_line_is_in_the_file_when_the_reply_comes()
    {
        await using var sink = await StartAsync("dot:550 5.7.1 Spam:after=1,first=1", "dot:accept-then-close:after=1,first=1");
        using var client = await SinkClient.GreetedAsync(sink.EndPoint, Cancellation);
        await client.SendMessageAsync("1@x.example", to: "b+c@y.example");
        await client.ExpectAsync("250 ");
        Assert.Equal(
            """{"at":"2026-05-04T12:00:00Z","mail_from":"from@client.example","rcpt_to":["b+c@y.example"],"message_id":"<1@x.example>","size":36,"result":"250 2.0.0 Accepted"}""" + "\n",
            await ReadAllAsync());

        await client.SendMessageAsync("2@x.example");
        await client.ExpectAsync("550 5.7.1 Spam");
        Assert.Equal(["250 2.0.0 Accepted", "550 5.7.1 Spam"], SinkJournal.Read(_path).Select(entry => entry.Result));

        await client.SendMessageAsync("3@x.example");
        await client.ExpectEndAsync();
        var last = SinkJournal.Read(_path).Last();
        Assert.Equal(("<3@x.example>", true), (last.MessageId, last.Accepted));
    }

    [Fact(Timeout = Patience)]
    public async Task Many_connections_share_the_disk_and_every_acknowledged_message_is_there()
    {
        await using (var sink = await StartAsync())
        {
            await Task.WhenAll(Enumerable.Range(0, 16).Select(async connection =>
            {
                using var client = await SinkClient.GreetedAsync(sink.EndPoint, Cancellation);
                for (var i = 0; i < 50; i++)
                {
                    await client.SendMessageAsync($"{connection}-{i}@x.example");
                    await client.ExpectAsync("250 ");
                }
            }));
            Assert.Equal(800, SinkJournal.Read(_path).Select(entry => entry.MessageId).Distinct().Count());
        }

        Assert.Equal(800, SinkJournal.Read(_path).Count());
    }

    [Fact(Timeout = Patience)]
    public async Task A_torn_last_line_is_left_out_and_cut_off_before_the_next_entry()
    {
        using (var journal = SinkJournal.Open(_path, e => Assert.Fail(e.Message)))
        {
            await journal.Append(Entry(1));
            await journal.Append(Entry(2));
        }

        var whole = await ReadAllAsync();
        for (var torn = whole.IndexOf('\n', StringComparison.Ordinal) + 1; torn < whole.Length; torn += 9)
        {
            await File.WriteAllTextAsync(_path, whole[..torn], Cancellation);
            Assert.Equal(["<1@x.example>"], SinkJournal.Read(_path).Select(entry => entry.MessageId));
            using (var journal = SinkJournal.Open(_path, e => Assert.Fail(e.Message)))
            {
                await journal.Append(Entry(3));
            }

            Assert.Equal(["<1@x.example>", "<3@x.example>"], SinkJournal.Read(_path).Select(entry => entry.MessageId));
        }
    }

    [Fact(Timeout = Patience)]
    public async Task Entries_come_back_as_they_were_written()
    {
        var entry = new SinkMessage(Noon, "", ["\"odd\\\"\n\"@x.example", "ü@x.example"], null, 12, "451 4.3.0 Later");
        using (var journal = SinkJournal.Open(_path, e => Assert.Fail(e.Message)))
        {
            await journal.Append(entry);
        }

        var read = Assert.Single(SinkJournal.Read(_path));
        Assert.Equal(entry.RcptTo, read.RcptTo);
        Assert.Equal(entry with { RcptTo = [] }, read with { RcptTo = [] });
    }

    [Fact]
    public void A_file_that_is_no_journal_is_neither_read_nor_cut()
    {
        File.WriteAllText(_path, "my notes");
        Assert.Throws<IOException>(() => SinkJournal.Open(_path, e => Assert.Fail(e.Message)));
        Assert.Equal("my notes", File.ReadAllText(_path));
        File.WriteAllText(_path, "my notes\n");
        var e = Assert.Throws<InvalidDataException>(() => SinkJournal.Read(_path).Count());
        Assert.Contains("line 1", e.Message, StringComparison.Ordinal);
    }

    [Fact(Timeout = Patience)]
    public async Task When_the_disk_is_full_no_message_is_answered_for()
    {
        // Every write to this device fails for want of room.
        Assert.SkipUnless(File.Exists("/dev/full"), "needs /dev/full");
        await using var sink = await SmtpSink.StartAsync(new() { JournalPath = "/dev/full" }, new FakeTimeProvider(Noon), Cancellation);
        using var client = await SinkClient.GreetedAsync(sink.EndPoint, Cancellation);
        await client.SendMessageAsync();
        await client.ExpectEndAsync();
        await Assert.ThrowsAsync<IOException>(() => sink.Completion);
    }

    private Task<SmtpSink> StartAsync(params string[] faults) => SmtpSink.StartAsync(
        new() { JournalPath = _path, Faults = [.. faults.Select(FaultRule.Parse)] }, new FakeTimeProvider(Noon), Cancellation);

    private async Task<string> ReadAllAsync()
    {
        using var file = new StreamReader(new FileStream(_path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        return await file.ReadToEndAsync(Cancellation);
    }

    private static SinkMessage Entry(int number) =>
        new(Noon, "a@x.example", ["b@y.example"], $"<{number.ToString(CultureInfo.InvariantCulture)}@x.example>", 1, "250 2.0.0 Accepted");
}
