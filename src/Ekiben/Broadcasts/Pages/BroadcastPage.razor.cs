using Ekiben.Accounts;
using Ekiben.Storage;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Authorization;

namespace Ekiben.Broadcasts.Pages;

/// <summary>
/// One broadcast: what it says, to whom, how, and where every recipient stands. While something moves it takes part in the look that everybody
/// shares once a second (<see cref="LiveLooks"/>), else it looks every five seconds; what people do here goes through <see cref="BroadcastActions"/> with their role read anew.
/// </summary>
public sealed partial class BroadcastPage
{
    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);
    private const int QuietTicks = 5;

    /// <summary>Of the looks at a broadcast that has not started, every n-th counts its audience, where nobody else just did.</summary>
    private const int CountEvery = 2;

    /// <summary>Strokes of the rate's chart.</summary>
    private const int MaxPoints = 120;

    private readonly CancellationTokenSource _gone = new();
    private BroadcastScene? _scene;
    private BroadcastNow? _now;
    private PlatformUser? _user;
    private readonly List<ProgressPoint> _progress = [];
    private Receipt? _recounted;
    private OfferedAction? _asked;
    private LastChange? _othersChange;
    private string? _problem;
    private int? _undoSeconds;
    private bool _missing;
    private long _shown;
    private long _looks;
    private string _typed = "";

    [Parameter]
    public long Number { get; set; }

    /// <summary>As whom the preview shows it: a subscriber's number; the first of the audience when absent.</summary>
    [SupplyParameterFromQuery(Name = "person")]
    private long? Person { get; set; }

    /// <summary><c>next</c>: show it as the next person with holes after <see cref="Person"/>.</summary>
    [SupplyParameterFromQuery(Name = "holes")]
    private string? Holes { get; set; }

    /// <summary>How the preview shows it, see <see cref="MessageCard"/>.</summary>
    [SupplyParameterFromQuery(Name = "view")]
    private string? View { get; set; }

    [SupplyParameterFromQuery(Name = "site")]
    private string? SiteUuid { get; set; }

    [CascadingParameter]
    private Task<AuthenticationState> LoggedIn { get; set; } = null!;

    private string CopyLink => $"/broadcasts/new?copy={Number}" + (SiteUuid is null ? "" : "&site=" + Uri.EscapeDataString(SiteUuid));

    private string BackLink => SiteUuid is null ? "/" : "/?site=" + Uri.EscapeDataString(SiteUuid);

    protected override async Task OnParametersSetAsync()
    {
        if (_shown == Number)
        {
            return;
        }

        _shown = Number;
        (_scene, _problem, _othersChange) = (null, null, null);
        _progress.Clear();
        _user = await Users.FindAsync((await LoggedIn).User, _gone.Token);
        await ReadAsync();
    }

    protected override void OnAfterRender(bool firstRender)
    {
        if (firstRender)
        {
            _ = WatchAsync();
        }
    }

    public void Dispose()
    {
        _gone.Cancel();
        _gone.Dispose();
    }

    private async Task ReadAsync()
    {
        var reviewed = await Review.FindAsync(new BroadcastId(Number), _gone.Token);
        _missing = reviewed is null;
        if (reviewed is null)
        {
            _scene = null;
            return;
        }

        var broadcast = reviewed.Broadcast;
        // What was counted for an earlier state stays in sight until it is counted anew.
        _scene = new BroadcastScene(reviewed, _user)
        {
            Count = broadcast.FrozenAt is null ? _scene?.Count : null,
            Report = broadcast.FrozenAt is null ? _scene?.Report : null,
            Rehearsal = broadcast.FrozenAt is null ? _scene?.Rehearsal : null,
            Ticked = _scene?.Ticked ?? new(StringComparer.Ordinal),
            Receipt = broadcast.FrozenAt is null ? null : _scene?.Receipt,
            IsExact = _scene?.IsExact ?? false,
            Forecast = _scene?.Forecast,
            Progress = _progress,
            LastAnswers = broadcast.FrozenAt is null ? [] : _scene?.LastAnswers ?? [],
        };
        _recounted = null;
        _now = new BroadcastNow(broadcast.Status, broadcast.StatusReason, broadcast.UpdatedAt, broadcast.FrozenAt);
        CountDown();
        StateHasChanged();
        // What SQLite reads it reads without waiting: the page shows itself before its people are counted.
        await Task.Yield();
        if (broadcast.FrozenAt is not null)
        {
            await ReadReceiptAsync();
        }
        else if (broadcast.Status is not BroadcastStatus.Canceled)
        {
            await ReadAudienceAsync();
        }

        StateHasChanged();
    }

    /// <summary>The count, which all who look share; then what takes longer, when there is something new to check.</summary>
    private async Task ReadAudienceAsync()
    {
        if (await Audience.ReadAsync(_scene!.Broadcast.Id, _gone.Token) is not { } audience)
        {
            return;
        }

        _scene = _scene with { Count = audience.Count };
        StateHasChanged();
        if (_scene.Report is not { } known || known.Digest != audience.Digest || known.Count != audience.Count)
        {
            await CheckAsync(audience);
        }
    }

    /// <summary>The preflight and the last rehearsal, anew.</summary>
    /// <param name="audience">As it was just counted; null to count it for this.</param>
    private async Task CheckAsync(WatchedAudience? audience = null)
    {
        var reviewed = _scene!.Reviewed;
        var report = await Preflight.CheckAsync(reviewed.Broadcast, reviewed.Site, isDeep: true, _gone.Token, audience);
        var rehearsal = await Rehearsals.LastAsync(reviewed.Broadcast, report.Digest, _gone.Token);
        // What is no warning any more needs no tick, and one that comes back wants a new one.
        _scene.Ticked.RemoveWhere(code => report.Warnings.All(w => w.Code != code));
        _scene = _scene with { Report = report, Rehearsal = rehearsal };
    }

    private async Task CheckAgainAsync()
    {
        if (_scene is { Broadcast.FrozenAt: null })
        {
            await CheckAsync();
            StateHasChanged();
        }
    }

    /// <summary>While rows move, the counts that each commit keeps; at rest, the recount that can say whether the sums agree.</summary>
    private async Task ReadReceiptAsync()
    {
        if (await Live.LastAsync(_scene!.Broadcast.Id, _gone.Token) is { } look)
        {
            await ShowAsync(look);
        }
    }

    /// <summary>Shows what a look saw. The recount walks every row, so what was shown stays in sight until it is there, and it is not made twice of the same counts.</summary>
    private async Task ShowAsync(LiveLook look)
    {
        var atRest = look.Receipt.Moving == 0 || _scene!.Broadcast.Status is not BroadcastStatus.Sending;
        var isCounted = atRest && _scene!.IsExact && _recounted == look.Receipt;
        Remember(new ProgressPoint(look.At, look.Receipt.Recipients - look.Receipt.Moving));
        _scene = _scene! with
        {
            Receipt = isCounted ? _scene.Receipt : look.Receipt,
            IsExact = isCounted,
            // Of a stopped one nobody knows when it goes on.
            Forecast = look.Forecast,
            LastAnswers = _scene.Broadcast.FinishedAt is null ? look.LastAnswers : [],
        };
        if (atRest && !isCounted)
        {
            StateHasChanged();
            var exact = await Receipts.ReadAsync(_scene.Broadcast, _gone.Token);
            (_scene, _recounted) = (_scene with { Receipt = exact, IsExact = true }, look.Receipt);
        }
    }

    /// <summary>Of many looks every second one is forgotten, so that a page open for a day shows the day in as many strokes.</summary>
    private void Remember(ProgressPoint point)
    {
        _progress.Add(point);
        if (_progress.Count > MaxPoints)
        {
            var kept = _progress.Where((_, index) => index % 2 == 0 || index == _progress.Count - 1).ToList();
            _progress.Clear();
            _progress.AddRange(kept);
        }
    }

    private async Task WatchAsync()
    {
        var gone = _gone.Token;
        try
        {
            using var timer = new PeriodicTimer(Tick, Clock);
            for (var tick = 1L; await timer.WaitForNextTickAsync(gone); tick++)
            {
                if (IsMoving())
                {
                    // Beside the page's own thread, which does not wait for it; it comes a second after the last one.
                    await InvokeAsync(FollowAsync);
                }
                else if (_undoSeconds is not null || tick % QuietTicks == 0 || _scene is { Broadcast: { Status: BroadcastStatus.Sending, FrozenAt: null } })
                {
                    await InvokeAsync(LookAsync);
                }
            }
        }
        catch (OperationCanceledException) when (gone.IsCancellationRequested)
        {
            // The page was left or its circuit is gone.
        }
        catch (Exception e)
        {
            await DispatchExceptionAsync(e);
        }
    }

    private async Task LookAsync()
    {
        if (_scene is null)
        {
            return;
        }

        var now = await Review.NowAsync(_scene.Broadcast.Id, _gone.Token);
        if (now != _now)
        {
            await ReadAnewAsync();
            return;
        }

        CountDown();
        if (_scene is { Broadcast: { FrozenAt: null, Status: BroadcastStatus.Draft or BroadcastStatus.Scheduled or BroadcastStatus.Held } } && ++_looks % CountEvery == 0)
        {
            await ReadAudienceAsync();
        }

        StateHasChanged();
    }

    /// <summary>One look of those that all viewers share.</summary>
    private async Task FollowAsync()
    {
        var id = _scene!.Broadcast.Id;
        var look = await Live.NextAsync(id, _gone.Token);
        if (_scene?.Broadcast.Id != id)
        {
            // The address led elsewhere meanwhile.
            return;
        }

        if (look is null || look.Now != _now)
        {
            await ReadAnewAsync();
            return;
        }

        await ShowAsync(look);
        StateHasChanged();
    }

    private async Task ReadAnewAsync()
    {
        var before = _now?.UpdatedAt;
        await ReadAsync();
        await NoteOthersAsync(before);
    }

    /// <summary>Says who changed it while it is open here: what somebody has read so far may not be what is there now.</summary>
    private async Task NoteOthersAsync(DateTimeOffset? before)
    {
        if (_scene is not null && await Review.LastChangeAsync(_scene.Broadcast.Id, _gone.Token) is { } change && change.At > before && change.Actor != _user?.Actor.Name)
        {
            _othersChange = change;
            StateHasChanged();
        }
    }

    /// <summary>Whether its counts can change within seconds.</summary>
    private bool IsMoving() => _scene is { Broadcast.FrozenAt: not null } and ({ Broadcast.FinishedAt: null } or { IsExact: false } or { Receipt: null or { Moving: > 0 } });

    private void CountDown()
    {
        var left = _scene?.Reviewed is { Broadcast.Status: BroadcastStatus.Scheduled, Approval: { ByPerson: true } approval } ? approval.EffectiveAt - Clock.GetUtcNow() : TimeSpan.Zero;
        _undoSeconds = left > TimeSpan.Zero ? (int)Math.Ceiling(left.TotalSeconds) : null;
    }

    private void Ask(OfferedAction action) => (_asked, _problem, _typed) = (action, null, "");

    private void CloseDialog(bool visible)
    {
        if (!visible)
        {
            (_asked, _problem) = (null, null);
        }
    }

    private async Task ConfirmAsync()
    {
        if (_asked is { } asked && await DoAsync(asked.Kind))
        {
            _asked = null;
        }
    }

    /// <summary>What this person saw and confirmed: the server compares it with what is there now.</summary>
    private ApprovalOrder Order() => new(_scene!.Report?.Digest ?? "", TypedCount, [.. _scene.Ticked]);

    /// <summary>The number as typed, with or without the marks that group its digits; null while it is none.</summary>
    private long? TypedCount => long.TryParse(_typed.Replace(",", "", StringComparison.Ordinal).Replace(".", "", StringComparison.Ordinal).Replace(" ", "", StringComparison.Ordinal), out var count) ? count : null;

    private async Task UndoAsync() => await DoAsync(ActionKind.Revoke);

    private async Task<string?> ChangeRateAsync(int? perHour)
    {
        _user = await Users.FindAsync((await LoggedIn).User, _gone.Token);
        if (_user is not { MayAct: true } user)
        {
            return Access.Refusal;
        }

        var result = await Actions.ChangeRateAsync(_scene!.Reviewed.Site.Id, _scene.Broadcast.Id, perHour, user.Actor, _gone.Token);
        await ReadAsync();
        return result.Problem;
    }

    private async Task<bool> DoAsync(ActionKind kind)
    {
        _user = await Users.FindAsync((await LoggedIn).User, _gone.Token);
        if (_user is not { MayAct: true } user)
        {
            _problem = "Your account may look but not act.";
            return false;
        }

        var (site, id, actor, cancel) = (_scene!.Reviewed.Site.Id, _scene.Reviewed.Broadcast.Id, user.Actor, _gone.Token);
        var result = await (kind switch
        {
            ActionKind.Approve => Actions.ApproveAsync(site, id, actor, Order(), cancel),
            ActionKind.Revoke => Actions.RevokeAsync(site, id, actor, cancel),
            ActionKind.Pause => Actions.PauseAsync(site, id, actor, cancel),
            ActionKind.Resume => Actions.ResumeAsync(site, id, actor, cancel),
            ActionKind.Cancel => Actions.CancelAsync(site, id, actor, cancel),
            _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "no such action"),
        });
        _problem = result.Problem;
        await ReadAsync();
        return result.Done;
    }
}
