namespace Ekiben.Web;

/// <summary>Keeps a "return to" from leading to another site.</summary>
internal static class LocalPath
{
    /// <summary>The path when it is one of ours: one slash first, and no backslash, which browsers read as a slash.</summary>
    public static string Or(string? path, string otherwise) =>
        path is ['/', ..] && !(path is ['/', '/' or '\\', ..]) && !path.Contains('\\', StringComparison.Ordinal) && !path.Any(char.IsControl)
            ? path
            : otherwise;
}
