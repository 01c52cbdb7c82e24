using Ekiben.Sites;
using Microsoft.AspNetCore.Components;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Web;

/// <summary>A page about one site's rows: the one that the address names, or the only one there is.</summary>
public abstract class SitePage : PlatformPage
{
    /// <summary>The site's uuid.</summary>
    [SupplyParameterFromQuery(Name = "site")]
    public string? SiteUuid { get; set; }

    /// <summary>Null until it was read, and where none is named and there are several (<see cref="SiteChooser"/>).</summary>
    private protected Site? Site { get; private set; }

    /// <summary>True once it is known whether there is a site to show.</summary>
    protected bool IsSiteRead { get; private set; }

    protected override async Task OnParametersSetAsync()
    {
        BeginReading();
        await using (var db = Database.OpenEverySite())
        {
            var sites = await db.Sites.AsNoTracking().Where(s => SiteUuid == null || s.Uuid == SiteUuid).OrderBy(s => s.Id).Take(2).ToListAsync(Gone);
            (Site, IsSiteRead) = (sites is [var one] ? one : null, true);
        }

        if (Site is not null)
        {
            await ReadAsync(Site);
        }

        IsRead = true;
    }

    /// <summary>Reads what the page shows; called whenever its address changes.</summary>
    private protected abstract Task ReadAsync(Site site);

    /// <summary>A path with the site and these parameters; those that are null or empty are left out.</summary>
    protected string To(string path, params (string Name, string? Value)[] query)
    {
        var parts = query.Append(("site", SiteUuid)).Where(part => !string.IsNullOrEmpty(part.Item2))
            .Select(part => part.Item1 + "=" + Uri.EscapeDataString(part.Item2!)).ToList();
        return parts.Count == 0 ? path : path + "?" + string.Join('&', parts);
    }
}

/// <summary>Lists are read a page at a time, after the last row of the page before: the thousandth page costs what the first does.</summary>
internal static class ListPage
{
    public const int Size = 50;

    /// <summary>Longer searches find nothing anyway.</summary>
    public const int MaxSearch = 200;

    /// <summary>Of <see cref="Size"/> + 1 rows read, those to show; and whether there are more.</summary>
    public static (IReadOnlyList<T> Rows, bool More) Cut<T>(List<T> rows) => rows.Count > Size ? (rows[..Size], true) : (rows, false);

    /// <summary>What to look for, null for everything.</summary>
    public static string? Search(string? text) => text?.Trim() is { Length: > 0 and <= MaxSearch } wanted ? wanted.ToLowerInvariant() : null;
}
