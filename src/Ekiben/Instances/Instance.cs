namespace Ekiben.Instances;

/// <summary>
/// The one row that says which data folder this database sends for. The folder has its own side of it (<see cref="InstanceFile"/>);
/// where the two do not fit, nothing is sent until a person says so (docs/ledger.md rule 26).
/// </summary>
internal sealed class Instance
{
    public const int OnlyId = 1;

    public int Id { get; set; } = OnlyId;

    /// <summary>32 hex characters, the folder's.</summary>
    public required string Owner { get; set; }

    /// <summary>Goes up with each beat, here first and then in the folder: a database below its folder is an older copy.</summary>
    public long Beat { get; set; }

    /// <summary>Until then another instance does not take over by itself, nor is told that it may.</summary>
    public DateTimeOffset LeaseUntil { get; set; }

    /// <summary>Where the owner listens, for the sentence that another instance shows.</summary>
    public string? Address { get; set; }
}
