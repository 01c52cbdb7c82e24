using Ekiben.Mail;
using Ekiben.Storage;

namespace Ekiben.Delivery;

/// <summary>
/// Makes the messages of a run. Two ship: a broadcast's, which has one content for all, and a stream's, where each mail brings its own.
/// Thread-safe.
/// </summary>
internal interface IMessageMaker
{
    /// <summary>Before the lanes see a page of rows.</summary>
    /// <returns>Null, or one sentence why none of them can be made.</returns>
    Task<string?> PrepareAsync(IReadOnlyList<Candidate> page, CancellationToken cancel);

    /// <summary>Makes the candidate's message into <paramref name="buffer"/>.</summary>
    /// <param name="candidate">Whose.</param>
    /// <param name="date">Now; a candidate that was attempted before keeps its first date.</param>
    /// <param name="buffer">Where to.</param>
    /// <param name="wait">How long to wait before the next is made, because this one was costly; zero as a rule. Also when it throws.</param>
    /// <exception cref="RenderException">It cannot be made; one sentence.</exception>
    void Compose(Candidate candidate, DateTimeOffset date, MessageBuffer buffer, out TimeSpan wait);

    /// <summary>The message that was made, in its envelope.</summary>
    OutgoingMessage Envelope(Candidate candidate, ReadOnlyMemory<byte> bytes);
}
