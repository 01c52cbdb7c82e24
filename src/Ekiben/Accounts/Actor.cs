namespace Ekiben.Accounts;

/// <summary>Who asks for something: a person in the platform, a key over the API, or the command line.</summary>
/// <param name="Name"><c>user:EMAIL</c>, <c>key:NAME</c>, <c>cli</c> or <c>engine</c>; it goes into the audit log.</param>
/// <param name="IsPerson">A person's approval has an undo window and is guarded against an audience that moved.</param>
/// <param name="MayApprove">Whether this actor's word lets mail go out.</param>
internal sealed record Actor(string Name, bool IsPerson, bool MayApprove)
{
    public static readonly Actor Cli = new("cli", true, true);
    public static readonly Actor Engine = new("engine", false, false);
}
