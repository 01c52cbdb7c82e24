using Ekiben.Broadcasts;
using Ekiben.Storage;
using Ekiben.Tests.Fixture;

namespace Ekiben.Tests.Mails;

/// <summary>Looks at mails' rows in the ledger.</summary>
internal static class MailStates
{
    /// <summary>Waits until so many mails are in a state; it asks again and again, and gives up with the test.</summary>
    public static async Task UntilAsync(SendingApp app, string state, int count)
    {
        var number = (int)Enum.GetValues<RecipientState>().Single(one => Words.SnakeCase(one.ToString()) == state);
        var deadline = new CancellationTokenSource();
#pragma warning disable RS0030 // Waiting for another thread of this process; nothing is asserted about how long it takes.
        deadline.CancelAfter(TimeSpan.FromSeconds(60));
        while (true)
        {
            var found = app.Count($"SELECT COUNT(*) FROM recipients r JOIN broadcasts b ON b.id = r.broadcast_id AND b.is_stream WHERE r.state = {number}");
            if (found == count)
            {
                return;
            }

            Assert.False(deadline.IsCancellationRequested, $"{found} and not {count} are {state}: {string.Join('\n', app.App.Log.Lines)}");
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
#pragma warning restore RS0030
    }
}
