namespace Ekiben.Accounts;

/// <summary>What somebody may do in the platform. Each role has its own and all before it; the table for people is docs/operations/roles.md.</summary>
internal enum Right
{
    /// <summary>Look at broadcasts, receipts, people and lists.</summary>
    Look,

    /// <summary>Write drafts, lists and people; stop mail, and go on with what was approved; export.</summary>
    Write,

    /// <summary>Let mail go out: approve, release a hold.</summary>
    Approve,

    /// <summary>Sites, senders, keys, relays and accounts.</summary>
    Own,
}

/// <summary>The rights as names of policies, for pages and endpoints. A policy reads the role anew each time (<see cref="RightHandler"/>).</summary>
internal static class Policies
{
    public const string Look = "look";
    public const string Write = "write";
    public const string Approve = "approve";
    public const string Own = "own";

    public static readonly IReadOnlyDictionary<string, Right> All = new Dictionary<string, Right>
    {
        [Look] = Right.Look,
        [Write] = Right.Write,
        [Approve] = Right.Approve,
        [Own] = Right.Own,
    };
}
