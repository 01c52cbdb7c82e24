using Ekiben.Sink;

namespace Ekiben.Commands;

/// <summary>Follows a sink's journal while the sink writes it: what stands in it has arrived, whatever became of the sender.</summary>
internal sealed class JournalTail : IDisposable
{
    /// <summary>Short against a message: the moment of a kill should not depend on when the file is looked at.</summary>
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(4);

    /// <summary>When nothing arrives for so long, nothing will.</summary>
    private static readonly TimeSpan StallLimit = TimeSpan.FromMinutes(1);

    private readonly FileStream _file;
    private readonly TimeProvider _clock;
    private readonly byte[] _buffer = new byte[64 << 10];

    public JournalTail(string path, TimeProvider clock)
    {
        _clock = clock;
        _file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
        Look();
        Lines = 0;
    }

    /// <summary>Messages since this began to look.</summary>
    public long Lines { get; private set; }

    /// <summary>Reads what is new.</summary>
    public long Look()
    {
        int read;
        while ((read = _file.Read(_buffer)) > 0)
        {
            Lines += _buffer.AsSpan(0, read).Count((byte)'\n');
        }

        return Lines;
    }

    /// <summary>Waits until there are so many lines.</summary>
    /// <exception cref="CommandFailure">Nothing has arrived for a minute.</exception>
    public async Task ReachAsync(long lines, CancellationToken cancel)
    {
        var (before, since) = (Look(), _clock.GetTimestamp());
        while (Look() < lines)
        {
            if (Lines > before)
            {
                (before, since) = (Lines, _clock.GetTimestamp());
            }
            else if (_clock.GetElapsedTime(since) > StallLimit)
            {
                throw new CommandFailure($"no message has arrived for {StallLimit.TotalSeconds:0} s");
            }

            await Task.Delay(LookEvery, _clock, cancel);
        }
    }

    /// <summary>Watches for so long, and says when the last message came: time since the call, or null when none came.</summary>
    public async Task<TimeSpan?> LastWithinAsync(TimeSpan time, CancellationToken cancel)
    {
        var (since, before, last) = (_clock.GetTimestamp(), Lines, (TimeSpan?)null);
        while (_clock.GetElapsedTime(since) is var elapsed && elapsed < time)
        {
            if (Look() > before)
            {
                (before, last) = (Lines, elapsed);
            }

            await Task.Delay(LookEvery, _clock, cancel);
        }

        return last;
    }

    /// <summary>The copies that arrived, by recipient: the Message-ID of each. Only addresses of this domain.</summary>
    public Dictionary<string, List<string?>> Copies(string domain)
    {
        var copies = new Dictionary<string, List<string?>>(StringComparer.Ordinal);
        foreach (var message in SinkJournal.Read(_file.Name).Where(message => message.Accepted))
        {
            foreach (var recipient in message.RcptTo.Where(address => address.EndsWith("@" + domain, StringComparison.Ordinal)))
            {
                if (!copies.TryGetValue(recipient, out var ids))
                {
                    copies[recipient] = ids = [];
                }

                ids.Add(message.MessageId);
            }
        }

        return copies;
    }

    public void Dispose() => _file.Dispose();
}
