using Ekiben.Liquid.Nodes;

namespace Ekiben.Liquid.Parsing;

/// <summary>A look-up as the parser met it; described for the host only when it asks.</summary>
internal sealed class PathUse(PathExpression path, bool isLocal)
{
    public PathExpression Path => path;

    public bool IsLocal => isLocal;

    public bool IsGuarded { get; set; }

    public static IReadOnlyList<TemplateVariable> Describe(string source, IReadOnlyList<PathUse> uses)
    {
        var described = new TemplateVariable[uses.Count];
        var (line, lineStart, at) = (1, 0, 0);
        for (var index = 0; index < uses.Count; index++)
        {
            // Uses come nearly in source order, so lines are counted once and not from the start for each.
            var offset = uses[index].Path.Offset;
            if (offset < lineStart)
            {
                (line, lineStart, at) = (1, 0, 0);
            }

            while (source.IndexOf('\n', at, Math.Max(0, offset - at)) is var newline && newline >= 0)
            {
                (line, lineStart, at) = (line + 1, newline + 1, newline + 1);
            }

            described[index] = new TemplateVariable(
                Segments(uses[index].Path), line, offset - lineStart + 1, uses[index].IsGuarded, uses[index].IsLocal);
        }

        return described;
    }

    /// <summary>Whether a test of <paramref name="guard"/> says something about this look-up: one is the beginning of the other.</summary>
    public bool IsCoveredBy(PathExpression guard)
    {
        if (path.Root is null || guard.Root != path.Root)
        {
            return false;
        }

        for (var index = 0; index < Math.Min(path.Steps.Length, guard.Steps.Length); index++)
        {
            if (path.Steps[index].Name != guard.Steps[index].Name)
            {
                return false;
            }
        }

        return true;
    }

    private static string[] Segments(PathExpression path) =>
        [path.Root ?? "[]", .. path.Steps.Select(step => step.Name ?? "[]")];
}
