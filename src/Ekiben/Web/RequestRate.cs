using System.Net;
using System.Security.Claims;

namespace Ekiben.Web;

/// <summary>
/// How many requests one key, and one address, may make: so many in a fixed window of a family of routes. Ekiben's own limit only keeps a program
/// that runs wild from taking the server for itself; <see cref="LimitsOption.Bento"/> is for trying how a client bears Bento's.
/// </summary>
internal sealed class RequestRate(EkibenOptions options, TimeProvider clock)
{
    public const int PerMinute = 6000;

    /// <summary>Windows kept; beyond it those that are over go, then all.</summary>
    private const int MaxWindows = 20_000;

    private static readonly Family Everything = new("all", PerMinute, TimeSpan.FromMinutes(1));

    /// <summary>Those of Bento's documents.</summary>
    private static readonly (string Path, Family Family)[] Bentos =
    [
        ("/fetch", new Family("data", 100, TimeSpan.FromMinutes(1))),
        ("/batch", new Family("data", 100, TimeSpan.FromMinutes(1))),
        ("/experimental", new Family("experimental", 100, TimeSpan.FromMinutes(1))),
        ("/stats", new Family("stats", 60, TimeSpan.FromHours(1))),
        ("/data_deletion_requests", new Family("deletion", 1000, TimeSpan.FromDays(1))),
    ];

    private readonly Lock _lock = new();
    private readonly Dictionary<(string Who, string Family), Window> _windows = [];

    /// <summary>Counts the request; how long to wait when it is one too many, which is not counted.</summary>
    public TimeSpan? Take(HttpContext http)
    {
        if (options.Limits == LimitsOption.None)
        {
            return null;
        }

        var family = FamilyOf(http.Request.Path);
        var key = http.User.FindFirstValue(ClaimTypes.NameIdentifier) ?? "";
        var now = clock.GetUtcNow();
        lock (_lock)
        {
            Trim(now);
            var (ofKey, ofAddress) = (At("k:" + key, family, now), At("a:" + Written(http.Connection.RemoteIpAddress), family, now));
            foreach (var window in (Window[])[ofKey, ofAddress])
            {
                if (window.Count >= family.Limit)
                {
                    return window.Ends - now;
                }
            }

            ofKey.Count++;
            ofAddress.Count++;
            return null;
        }
    }

    private Family FamilyOf(PathString path)
    {
        if (options.Limits == LimitsOption.Bento && path.StartsWithSegments(ApiStyles.BentoRoot, out var rest))
        {
            foreach (var (start, family) in Bentos)
            {
                if (rest.StartsWithSegments(start))
                {
                    return family;
                }
            }
        }

        return Everything;
    }

    private Window At(string who, Family family, DateTimeOffset now)
    {
        if (!_windows.TryGetValue((who, family.Name), out var window) || window.Ends <= now)
        {
            _windows[(who, family.Name)] = window = new Window(now + family.Length);
        }

        return window;
    }

    private void Trim(DateTimeOffset now)
    {
        if (_windows.Count < MaxWindows)
        {
            return;
        }

        foreach (var (who, _) in _windows.Where(window => window.Value.Ends <= now).ToList())
        {
            _windows.Remove(who);
        }

        if (_windows.Count >= MaxWindows)
        {
            _windows.Clear();
        }
    }

    private static string Written(IPAddress? address) => address is { IsIPv4MappedToIPv6: true } ? address.MapToIPv4().ToString() : address?.ToString() ?? "";

    private sealed record Family(string Name, int Limit, TimeSpan Length);

    private sealed class Window(DateTimeOffset ends)
    {
        public DateTimeOffset Ends => ends;

        public int Count { get; set; }
    }
}

/// <summary>Whose limits on requests hold.</summary>
internal enum LimitsOption
{
    /// <summary>Ekiben's: wide.</summary>
    Default,

    /// <summary>Bento's, on Bento's routes.</summary>
    Bento,

    /// <summary>Nobody's: something in front of this server limits already.</summary>
    None,
}
