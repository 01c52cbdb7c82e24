using Ekiben.Delivery;

namespace Ekiben.Broadcasts;

/// <summary>
/// Notices failures that are not the recipients' (ledger.md rule 24), over the last 200 attempts of one run: our own templates,
/// our own standing with the receivers, or a relay that refuses everybody. Each ends in a sentence to hold the broadcast with.
/// </summary>
/// <param name="ofStream">Its rows are mails, each with a content of its own: one that cannot be made says nothing about the others.</param>
internal sealed class FailureWatch(bool ofStream = false)
{
    /// <summary>How many attempts are looked back on.</summary>
    private const int Window = 200;

    /// <summary>Before this many, a share of refusals says nothing.</summary>
    private const int FewestForRefusals = 50;

    private const double MostRefused = 0.20;

    private const double MostAboutUs = 0.05;

    private const double MostRenderFailures = 0.01;

    private const int FewestRenderFailures = 10;

    private readonly Lock _lock = new();
    private readonly Queue<Kind> _last = new();
    private readonly int[] _counts = new int[3];
    private long _composed;
    private long _renderFailures;

    private enum Kind
    {
        Other,
        Refused,
        AboutUs,
    }

    /// <summary>While true, a refusal makes no suppression: a misbehaving relay must not empty the list.</summary>
    public bool RefusalsAreSuspect
    {
        get
        {
            lock (_lock)
            {
                return AreSuspect();
            }
        }
    }

    /// <summary>Takes note of a message that was made.</summary>
    public void Composed() => Interlocked.Increment(ref _composed);

    /// <summary>Takes note of one that could not be made; a sentence when they are too many.</summary>
    public string? RenderFailed(string reason)
    {
        var failures = Interlocked.Increment(ref _renderFailures);
        var tried = failures + Interlocked.Read(ref _composed);
        var tooMany = !ofStream && failures >= FewestRenderFailures && (failures > tried * MostRenderFailures || failures == tried);
        return tooMany
            ? $"{failures} of {tried} messages could not be made, the last because: {reason}"
            : null;
    }

    /// <summary>Takes note of an attempt; a sentence when too many of the last ones failed.</summary>
    public string? Attempted(DeliveryOutcome outcome)
    {
        lock (_lock)
        {
            var kind = outcome switch
            {
                DeliveryOutcome.Refused refused when RetryPolicy.IsAboutTheSender(refused.Reply) => Kind.AboutUs,
                DeliveryOutcome.Refused => Kind.Refused,
                _ => Kind.Other,
            };
            _last.Enqueue(kind);
            _counts[(int)kind]++;
            if (_last.Count > Window)
            {
                _counts[(int)_last.Dequeue()]--;
            }

            if (_last.Count >= FewestForRefusals && _counts[(int)Kind.AboutUs] > _last.Count * MostAboutUs)
            {
                return $"{_counts[(int)Kind.AboutUs]} of the last {_last.Count} messages were refused for reasons that are about the sender (5.7.x): {Last(outcome)}";
            }

            return AreSuspect()
                ? $"{_counts[(int)Kind.Refused] + _counts[(int)Kind.AboutUs]} of the last {_last.Count} messages were refused: {Last(outcome)}"
                : null;
        }
    }

    private bool AreSuspect() =>
        _last.Count >= FewestForRefusals && _counts[(int)Kind.Refused] + _counts[(int)Kind.AboutUs] > _last.Count * MostRefused;

    private static string Last(DeliveryOutcome outcome) =>
        outcome is DeliveryOutcome.Refused { Reply: var reply } ? $"the last said {reply.Code} {reply.Enhanced} {reply.Text}" : "look at the receipt";
}
