using System.Threading.Channels;
using Ekiben.Mail;
using Ekiben.Storage;

namespace Ekiben.Broadcasts;

/// <summary>Rows between the feed and the lanes: the page being taken from, one behind it. A page at a time, so that no row wakes a thread of its own.</summary>
internal sealed class UpcomingRows
{
    private readonly Channel<IReadOnlyList<Candidate>> _pages = Channel.CreateBounded<IReadOnlyList<Candidate>>(1);
    private readonly Lock _lock = new();
    private IReadOnlyList<Candidate> _page = [];
    private int _next;

    public ValueTask AddAsync(IReadOnlyList<Candidate> page, CancellationToken cancel) => _pages.Writer.WriteAsync(page, cancel);

    /// <summary>There will be no more than what is here.</summary>
    public bool IsOver => _pages.Reader.Completion.IsCompleted;

    public void Complete() => _pages.Writer.Complete();

    /// <summary>The next row; null when none is there at the moment.</summary>
    public Candidate? Take()
    {
        lock (_lock)
        {
            while (_next == _page.Count)
            {
                if (!_pages.Reader.TryRead(out var page))
                {
                    return null;
                }

                (_page, _next) = (page, 0);
            }

            return _page[_next++];
        }
    }

    /// <summary>Waits for another page; false when there will be none.</summary>
    public ValueTask<bool> WaitAsync(CancellationToken cancel) => _pages.Reader.WaitToReadAsync(cancel);
}

/// <summary>A message made for a row: not claimed yet, or begun as <see cref="Claim"/>.</summary>
internal sealed class ComposedMessage
{
    public required Candidate Candidate { get; set; }

    /// <summary>When it was made.</summary>
    public DateTimeOffset Date { get; set; }

    public MessageBuffer Buffer { get; } = new();

    /// <summary>Null until the claim is on disk.</summary>
    public ClaimAnswer.Claimed? Claim { get; set; }
}

/// <summary>Messages of the lanes of all runs: as many as are made or on the wire at once, each used again for the next.</summary>
internal sealed class MessagePool
{
    /// <summary>Octets of memory that a message may keep while it waits for the next: a newsletter needs 40 KB, a hostile one megabytes.</summary>
    private const int MostKept = 512 * 1024;

    private readonly Lock _lock = new();
    private readonly Stack<ComposedMessage> _free = new();

    /// <summary>An unclaimed message for the row, to be made.</summary>
    public ComposedMessage Rent(Candidate candidate, DateTimeOffset date)
    {
        lock (_lock)
        {
            if (_free.TryPop(out var message))
            {
                (message.Candidate, message.Date, message.Claim) = (candidate, date, null);
                return message;
            }
        }

        return new ComposedMessage { Candidate = candidate, Date = date };
    }

    public void Return(ComposedMessage message)
    {
        if (message.Buffer.Capacity > MostKept)
        {
            return;
        }

        lock (_lock)
        {
            _free.Push(message);
        }
    }
}
