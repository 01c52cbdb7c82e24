using System.Globalization;
using Ekiben.Accounts;
using Ekiben.Sites;
using Ekiben.Storage;
using Ekiben.Web;
using Microsoft.AspNetCore.Components;

namespace Ekiben.Broadcasts.Pages;

/// <summary>The home page: the broadcasts that wait for an approval, and by their status all others. Reads itself anew every few seconds.</summary>
public sealed partial class BroadcastListPage
{
    private static readonly TimeSpan RefreshEvery = TimeSpan.FromSeconds(3);

    /// <summary>How old a count may be in the list.</summary>
    private static readonly TimeSpan RecountAfter = TimeSpan.FromMinutes(1);

    private readonly CancellationTokenSource _gone = new();
    private Dictionary<BroadcastId, Receipt> _progress = [];
    private Dictionary<BroadcastStatus, int>? _counts;
    private IReadOnlyList<BroadcastRow>? _rows;
    private ListFilter _filter = ListFilter.All[0];
    private Site? _site;
    private bool _siteUnknown;
    private int _page = 1;
    private int _pages = 1;
    private bool _refreshing;
    private bool _mayWrite;

    [SupplyParameterFromQuery(Name = "status")]
    private string? Status { get; set; }

    [SupplyParameterFromQuery(Name = "site")]
    private string? SiteUuid { get; set; }

    [SupplyParameterFromQuery(Name = "page")]
    private int? Page { get; set; }

    protected override async Task OnParametersSetAsync()
    {
        _filter = ListFilter.Of(Status);
        _page = Math.Clamp(Page ?? 1, 1, 1_000_000);
        _rows = null;
        _mayWrite = await Access.WithAsync(Right.Write, _gone.Token) is not null;
        _site = await List.FindSiteAsync(SiteUuid, _gone.Token);
        _siteUnknown = SiteUuid is not null && _site is null;
        if (!_siteUnknown)
        {
            await ReadAsync();
        }
    }

    protected override void OnAfterRender(bool firstRender)
    {
        if (firstRender)
        {
            _ = RefreshAsync();
        }
    }

    public void Dispose()
    {
        _gone.Cancel();
        _gone.Dispose();
    }

    /// <summary>Keeps the list fresh until the page is left; a fault is shown like one of the page's own.</summary>
    private async Task RefreshAsync()
    {
        var gone = _gone.Token;
        try
        {
            using var timer = new PeriodicTimer(RefreshEvery, Clock);
            do
            {
                await InvokeAsync(() => _siteUnknown ? Task.CompletedTask : ReadAsync(countAudiences: true));
            }
            while (await timer.WaitForNextTickAsync(gone));
        }
        catch (OperationCanceledException) when (gone.IsCancellationRequested)
        {
            // The page was left.
        }
        catch (Exception e)
        {
            await DispatchExceptionAsync(e);
        }
    }

    private async Task ReadAsync(bool countAudiences = false)
    {
        if (_refreshing)
        {
            return;
        }

        _refreshing = true;
        try
        {
            var (filter, site, page) = (_filter, _site?.Id, _page);
            _counts = await List.CountByStatusAsync(site, _gone.Token);
            var rows = await List.ReadAsync(filter, site, page, _gone.Token);
            var progress = new Dictionary<BroadcastId, Receipt>();
            foreach (var row in rows.Where(r => r.Broadcast is { FrozenAt: not null, Status: BroadcastStatus.Sending or BroadcastStatus.Paused or BroadcastStatus.Held }))
            {
                progress[row.Broadcast.Id] = await Receipts.ReadCountsAsync(row.Broadcast, _gone.Token);
            }

            (_rows, _progress) = (rows, progress);
            _pages = (filter.Statuses.Sum(s => _counts.GetValueOrDefault(s)) + BroadcastList.PageSize - 1) / BroadcastList.PageSize;
            StateHasChanged();
            if (countAudiences)
            {
                await CountAudiencesAsync(rows);
            }
        }
        finally
        {
            _refreshing = false;
        }
    }

    /// <summary>Counting walks the site's people, so it comes after the list is shown, one broadcast at a time, and all who look share it.</summary>
    private async Task CountAudiencesAsync(IReadOnlyList<BroadcastRow> rows)
    {
        var now = Clock.GetUtcNow();
        foreach (var row in rows.Where(r => r.Broadcast.FrozenAt is null && r.Broadcast.Status is not BroadcastStatus.Canceled))
        {
            // An edit of what is counted shows on the broadcast's own page at once; here within a minute.
            if (Audiences.Peek(row.Broadcast.Id) is not { } known || known.At < row.Broadcast.UpdatedAt || now - known.At > RecountAfter)
            {
                await Audiences.ReadAsync(row.Broadcast.Id, _gone.Token);
                StateHasChanged();
            }
        }
    }

    private DateTimeOffset? FinishOf(Broadcast broadcast) =>
        broadcast is { FrozenAt: null, Status: not BroadcastStatus.Canceled } && Audiences.Peek(broadcast.Id) is { Count.Recipients: > 0 and var people }
        && SendingPlan.BeforeStart(people, broadcast.BatchSizePerHour, broadcast.SendAt, Clock.GetUtcNow()).FinishesAt is { } finish
            ? finish
            : null;

    /// <summary>Never a 0 while nobody has counted yet.</summary>
    private string PeopleOf(Broadcast broadcast) =>
        broadcast.FrozenAt is not null ? Wording.Number(broadcast.Recipients)
        : broadcast.Status is BroadcastStatus.Canceled ? "–"
        : Audiences.Peek(broadcast.Id) is { } counted ? Wording.Number(counted.Count.Recipients)
        : "counting…";

    private static string TimeLabel(Broadcast broadcast) => broadcast switch
    {
        { FinishedAt: not null } => broadcast.Status is BroadcastStatus.Canceled ? "Canceled" : "Finished",
        { StartedAt: not null } => "Started",
        _ => "Starts",
    };

    /// <summary>What <see cref="TimeLabel"/> speaks of; null where it starts once it is approved.</summary>
    private DateTimeOffset? TimeOf(Broadcast broadcast) =>
        broadcast.FinishedAt ?? broadcast.StartedAt ?? (broadcast.SendAt is { } due && due > Clock.GetUtcNow() ? due : null);

    private string Link(Broadcast broadcast) => $"/broadcasts/{broadcast.Id}" + (SiteUuid is null ? "" : $"?site={SiteUuid}");

    private string Address(string status, int page)
    {
        var query = new List<string>();
        if (status != "draft")
        {
            query.Add("status=" + status);
        }

        if (SiteUuid is not null)
        {
            query.Add("site=" + Uri.EscapeDataString(SiteUuid));
        }

        if (page > 1)
        {
            query.Add("page=" + page.ToString(CultureInfo.InvariantCulture));
        }

        return query.Count == 0 ? "/" : "/?" + string.Join('&', query);
    }
}
