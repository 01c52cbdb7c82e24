namespace Ekiben.Broadcasts;

/// <summary>What came of an action on a broadcast.</summary>
/// <param name="Code">A stable word for programs, null when it was done.</param>
/// <param name="Problem">One sentence for people, null when it was done.</param>
internal sealed record ActionResult(string? Code, string? Problem)
{
    public static readonly ActionResult Ok = new(null, null);
    public static readonly ActionResult NotFound = new("not_found", "There is no such broadcast.");

    public bool Done => Code is null;

    public static ActionResult Refused(string code, string problem) => new(code, problem);
}
