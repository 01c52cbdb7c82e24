namespace Ekiben.Delivery;

/// <summary>Tries to connect and log in to a relay, as a send would; no message is sent.</summary>
internal sealed class RelayTest(TimeProvider clock)
{
    /// <summary>A person waits for it.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    /// <summary>One sentence, and whether it is good news.</summary>
    public async Task<(bool Works, string Sentence)> RunAsync(RelayOptions options, CancellationToken cancel)
    {
        using var limit = new CancellationTokenSource(Patience, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancel);
        try
        {
            await using var connection = await new SmtpRelay(options, clock).ConnectAsync(either.Token);
            return (true, $"{options} answers{(options.User is null ? "" : " and takes the log-in")}{(options.Tls is RelayTls.None ? ", without encryption" : ", encrypted")}.");
        }
        catch (RelayUnavailableException refused)
        {
            return (false, refused.Message);
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested)
        {
            return (false, $"{options} did not answer within {Patience.TotalSeconds:0} seconds.");
        }
    }
}
