using Ekiben.Broadcasts;

namespace Ekiben.Storage;

/// <summary>
/// How one ledger transaction changes the counts of each shard (docs/ledger.md rule 17): gathered, and written once a shard before the commit.
/// The objects go round, since every message is counted.
/// </summary>
internal sealed class ShardCounts
{
    private static readonly int States = Enum.GetValues<RecipientState>().Length;

    private readonly Dictionary<ShardId, Change> _changes = [];
    private readonly Stack<Change> _unused = [];

    /// <summary>The shard's change so far, to add to.</summary>
    public Change Of(ShardId shard)
    {
        if (!_changes.TryGetValue(shard, out var change))
        {
            _changes[shard] = change = _unused.TryPop(out var unused) ? unused : new Change();
        }

        return change;
    }

    /// <summary>They are written, or their transaction is not to be.</summary>
    public void Forget()
    {
        foreach (var change in _changes.Values)
        {
            change.Clear();
            _unused.Push(change);
        }

        _changes.Clear();
    }

    /// <summary>The shards whose counts change, with by how much.</summary>
    public Dictionary<ShardId, Change>.Enumerator GetEnumerator() => _changes.GetEnumerator();

    /// <summary>What is added to one shard's counts.</summary>
    public sealed class Change
    {
        /// <summary>By the number of the state.</summary>
        public long[] ByState { get; } = new long[States];

        public long UncertainEver { get; set; }

        public long Resent { get; set; }

        /// <summary>One row went from a state to another, or stayed.</summary>
        public void Move(RecipientState from, RecipientState to)
        {
            ByState[(int)from]--;
            ByState[(int)to]++;
        }

        public void Clear()
        {
            Array.Clear(ByState);
            (UncertainEver, Resent) = (0, 0);
        }
    }
}
