using Ekiben.Liquid.Values;

namespace Ekiben.Liquid.Nodes;

/// <summary>What <c>forloop</c> and <c>tablerowloop</c> tell about the pass that runs.</summary>
internal sealed class ForLoop
{
    private string _name = "";
    private long _length;
    private long _columns;
    private ForLoop? _parent;

    public long Index { get; set; }

    public long Column { get; private set; }

    public long Row { get; private set; }

    public bool IsLast => Index == _length - 1;

    public bool IsLastColumn => Column == _columns;

    public void Start(string name, long length, ForLoop? parent)
    {
        (_name, _length, _parent, Index, _columns) = (name, length, parent, 0, 0);
    }

    public void StartTable(long columns) => (_columns, Column, Row) = (columns, 1, 1);

    public void NextCell()
    {
        Index++;
        if (IsLastColumn)
        {
            Column = 1;
            Row++;
            return;
        }

        Column++;
    }

    public Value Get(string name) => name switch
    {
        "index" => Value.Of(Index + 1),
        "index0" => Value.Of(Index),
        "rindex" => Value.Of(_length - Index),
        "rindex0" => Value.Of(_length - Index - 1),
        "first" => Value.Of(Index == 0),
        "last" => Value.Of(IsLast),
        "length" => Value.Of(_length),
        "name" when _columns == 0 => Value.Of(_name),
        "parentloop" when _columns == 0 && _parent is not null => Value.OfLoop(_parent),
        "col" when _columns > 0 => Value.Of(Column),
        "col0" when _columns > 0 => Value.Of(Column - 1),
        "row" when _columns > 0 => Value.Of(Row),
        "col_first" when _columns > 0 => Value.Of(Column == 1),
        "col_last" when _columns > 0 => Value.Of(IsLastColumn),
        _ => default,
    };
}
