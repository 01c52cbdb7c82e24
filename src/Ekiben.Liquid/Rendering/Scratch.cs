using Ekiben.Liquid.Filters;
using Ekiben.Liquid.Values;

namespace Ekiben.Liquid.Rendering;

/// <summary>
/// Memory for what filters are still building: kept from rendering to rendering, so that only results are garbage. A filter that throws
/// gives nothing back; the end of the rendering takes everything.
/// </summary>
internal sealed partial class Renderer
{
    // What the default limits allow is kept. Hosts that allow more should not pin it to the thread for ever.
    private const int KeptCharacters = 256 * 1024;
    private const int KeptItems = 16 * 1024;

    private readonly List<char[]> _texts = [];
    private readonly List<List<Value>> _lists = [];
    private HashSet<Value>? _seen;
    private readonly int[][] _positions = [[], []];
    private int _openTexts;
    private int _openLists;

    /// <summary>A buffer for one <see cref="TextBuilder"/>, which hands back its last one to <see cref="CloseText"/>.</summary>
    public char[] OpenText()
    {
        if (_openTexts == _texts.Count)
        {
            _texts.Add(new char[256]);
        }

        return _texts[_openTexts++];
    }

    public void CloseText(char[] buffer) => _texts[--_openTexts] = buffer;

    /// <summary>An empty list, until <see cref="CloseList"/>; lists are closed in the reverse order.</summary>
    public List<Value> OpenList()
    {
        if (_openLists == _lists.Count)
        {
            _lists.Add([]);
        }

        return _lists[_openLists++];
    }

    public void CloseList() => _lists[--_openLists].Clear();

    /// <summary>The values that <c>uniq</c> has met; empty before and after it.</summary>
    public HashSet<Value> Seen => _seen ??= new HashSet<Value>(new ValueEquality(this));

    /// <summary>One of the two runs of positions that a sort merges from and to; a sort has no other within it.</summary>
    public Span<int> Positions(int count, int which)
    {
        if (_positions[which].Length < count)
        {
            _positions[which] = new int[count];
        }

        return _positions[which].AsSpan(0, count);
    }

    private void ReturnScratch()
    {
        if (_seen is { Capacity: > KeptItems })
        {
            _seen = null;
        }

        _seen?.Clear();
        (_openTexts, _openLists) = (0, 0);
        for (var index = 0; index < _texts.Count; index++)
        {
            if (_texts[index].Length > KeptCharacters)
            {
                _texts[index] = new char[256];
            }
        }

        foreach (var list in _lists)
        {
            list.Clear();
            if (list.Capacity > KeptItems)
            {
                list.Capacity = 0;
            }
        }
    }
}

/// <summary>A list that a filter fills and reads; only what <see cref="ToValue"/> makes of it outlives the filter.</summary>
internal readonly ref struct ScratchList(Renderer renderer)
{
    private readonly Renderer _renderer = renderer;

    public List<Value> List { get; } = renderer.OpenList();

    public Value ToValue() => Value.Of(List.ToArray());

    public void Dispose() => _renderer.CloseList();
}
