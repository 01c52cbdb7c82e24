using Ekiben.Liquid.Nodes;

namespace Ekiben.Liquid.Parsing;

internal enum BlockKind : byte
{
    Root,
    If,
    Unless,
    Case,
    For,
    TableRow,
    Capture,
    IfChanged,
}

/// <summary>A block whose end has not been read: the nodes of its current branch and the branches before it.</summary>
internal sealed class OpenBlock(BlockKind kind, int offset)
{
    public BlockKind Kind => kind;

    public int Offset => offset;

    public List<Node> Nodes { get; private set; } = [];

    /// <summary>Whether any branch writes something; a block that doesn't drops its whitespace.</summary>
    public bool HasOutput { get; set; }

    public List<(Condition? Condition, bool Negated, Expression[]? Values, List<Node> Nodes)> Branches { get; } = [];

    public Condition? Condition { get; set; }

    public Expression[]? Values { get; set; }

    public Expression? Subject { get; set; }

    public LoopHead? Loop { get; set; }

    public Expression? Columns { get; set; }

    public string Name { get; set; } = "";

    public int Place { get; set; }

    /// <summary>An <c>else</c> was read; <c>if</c> ignores what follows it.</summary>
    public bool HasElse { get; set; }

    /// <summary>Guards that were known when the block opened.</summary>
    public int Guards { get; set; }

    /// <summary>Ends the current branch and begins another.</summary>
    public void EndBranch(bool negated)
    {
        Branches.Add((Condition, negated, Values, Nodes));
        Nodes = [];
        Condition = null;
        Values = null;
    }

    public Body TakeBody(bool dropsSpace) => ToBody(Nodes, dropsSpace);

    public Body BranchBody(int index) => ToBody(Branches[index].Nodes, !HasOutput);

    private static Body ToBody(List<Node> nodes, bool dropsSpace)
    {
        if (dropsSpace)
        {
            nodes.RemoveAll(static node => node is TextNode { IsBlank: true });
        }

        return nodes.Count == 0 ? Body.None : new Body([.. nodes]);
    }
}
