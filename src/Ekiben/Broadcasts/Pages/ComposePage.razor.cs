using Ekiben.Accounts;
using Ekiben.Sites;
using Ekiben.Storage;
using Ekiben.Templates;
using Ekiben.Web;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Routing;
using Microsoft.EntityFrameworkCore;
using Microsoft.JSInterop;

namespace Ekiben.Broadcasts.Pages;

/// <summary>
/// Where a broadcast is written. A draft is stored by itself a moment after each change; what is approved only when its author says so. Who it
/// reaches, what is odd about it and how a person gets it stand beside, each made by what the send itself uses.
/// </summary>
public sealed partial class ComposePage
{
    private const int MaxChoices = 500;

    /// <summary>Findings in sight; an author mends the first and sees the next.</summary>
    private const int MaxShown = 30;

    private static readonly TimeSpan LookAfter = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan SaveAfter = TimeSpan.FromSeconds(2);

    /// <summary>Somebody who types without a pause loses no more than this.</summary>
    private static readonly TimeSpan SaveWithin = TimeSpan.FromSeconds(15);

    /// <summary>How soon a change by somebody else is seen while nothing is saved.</summary>
    private static readonly TimeSpan WatchEvery = TimeSpan.FromSeconds(3);

    private static readonly (string Word, string Label, string Help)[] Types =
    [
        ("plain", "Plain", "Text or simple HTML, set in a plain style. Liquid may stand anywhere."),
        ("markdown", "Markdown", "Markdown, set in a plain style. Liquid may stand anywhere."),
        ("html", "HTML", "A whole HTML page or a part of one, sent as it is. Liquid may stand anywhere."),
        ("fancy", "HTML (fancy)", "As HTML; the word that some programs use for it."),
        ("raw", "HTML (raw)", "As HTML; the word that some programs use for it."),
        ("layout", "Layout", "HTML that goes into the slot of the layout. Liquid may stand anywhere."),
    ];

    private ComposeForm? _form;
    private ContentEditor? _editor;
    private Site? _site;
    private Broadcast? _own;
    private BroadcastId? _id;
    private DateTimeOffset _seen;
    private DateTimeOffset? _savedAt;
    private DateTimeOffset? _dirtySince;
    private ReviewedBroadcast? _reviewed;
    private AudienceCount? _count;
    private IReadOnlyList<LintFinding>? _findings;
    private IReadOnlyList<string> _tags = [];
    private IReadOnlyList<Author> _authors = [];
    private IReadOnlyList<(string Id, string Name)> _layouts = [];
    private IReadOnlyList<(string Id, string Name, string Rule)> _segments = [];
    private AfterQuiet _look = null!;
    private AfterQuiet _save = null!;
    private (long? Number, long? Copied, string? Site)? _opened;
    private (string Title, string Why)? _gone;
    private string? _conflict;
    private string? _problem;
    private string? _leavingTo;
    private string? _layoutNow;
    private string? _counted;
    private int _version;
    private int _editorKey;
    private bool _dirty;
    private bool _saving;
    private bool _isApproved;

    [Parameter]
    public long? Number { get; set; }

    /// <summary>The number of the broadcast that a new one begins as a copy of.</summary>
    [SupplyParameterFromQuery(Name = "copy")]
    private long? Copied { get; set; }

    private bool IsNew => Number is null;

    private string Title => _id is null ? "New broadcast" : string.IsNullOrWhiteSpace(_form?.Name) ? "Broadcast" : _form.Name;

    private bool IsLayoutOlder => _own?.LayoutHtml is { } copy && _layoutNow is { } now && copy != now && _form?.LayoutId == _own.LayoutId;

    private TimeZoneInfo Zone => TimeZoneInfo.TryFindSystemTimeZoneById(_site?.TimeZone ?? "UTC", out var zone) ? zone : TimeZoneInfo.Utc;

    protected override async Task OnInitializedAsync()
    {
        await base.OnInitializedAsync();
        (_look, _save) = (new AfterQuiet(Clock, LookAfter, Gone), new AfterQuiet(Clock, SaveAfter, Gone));
    }

    protected override async Task OnParametersSetAsync()
    {
        // Not again for the same: what somebody writes is on no other place.
        if (_opened == (Number, Copied, SiteUuid))
        {
            return;
        }

        _opened = (Number, Copied, SiteUuid);
        (_form, _gone) = (null, null);
        if (Number is null && Copied is null)
        {
            await base.OnParametersSetAsync();
        }
        else
        {
            await OpenAsync();
        }
    }

    private protected override Task ReadAsync(Site site) => OpenAsync(site, null);

    protected override void OnAfterRender(bool firstRender)
    {
        if (firstRender)
        {
            _ = WatchAsync();
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _look?.Dispose();
            _save?.Dispose();
        }

        base.Dispose(disposing);
    }

    /// <summary>A stored one: to go on with, or to copy.</summary>
    private async Task OpenAsync()
    {
        await using var db = Database.OpenEverySite();
        var number = new BroadcastId(Number ?? Copied ?? 0);
        if (await db.Broadcasts.AsNoTracking().FirstOrDefaultAsync(b => b.Id == number, Gone) is not { } broadcast)
        {
            _gone = ("No such broadcast", $"There is no broadcast with the number {number}.");
            return;
        }

        if (!IsNew && (broadcast.StartedAt is not null || broadcast.Status is not (BroadcastStatus.Draft or BroadcastStatus.Scheduled or BroadcastStatus.Held)))
        {
            _gone = ("It cannot be edited any more", $"This broadcast is {broadcast.Status.Word()}: one can be edited until sending starts. Make a copy of it instead.");
            return;
        }

        await OpenAsync(await db.Sites.AsNoTracking().SingleAsync(s => s.Id == broadcast.SiteId, Gone), broadcast);
    }

    private async Task OpenAsync(Site site, Broadcast? broadcast)
    {
        await using var db = Database.Open(site.Id);
        _site = site;
        _tags = await db.Tags.Where(t => t.DiscardedAt == null).OrderBy(t => t.Name).Take(MaxChoices).Select(t => t.Name).ToListAsync(Gone);
        _authors = await db.Authors.AsNoTracking().OrderBy(a => a.Id).Take(MaxChoices).ToListAsync(Gone);
        _layouts = [.. (await db.Layouts.OrderBy(l => l.Name).Take(MaxChoices).Select(l => new { l.PublicId, l.Name }).ToListAsync(Gone)).Select(l => (l.PublicId, l.Name))];
        _segments = [.. (await db.Segments.OrderBy(s => s.Name).Take(MaxChoices).Select(s => new { s.PublicId, s.Name, s.Rule }).ToListAsync(Gone)).Select(s => (s.PublicId, s.Name, s.Rule))];
        _own = IsNew ? null : broadcast;
        _id = _own?.Id;
        _form = broadcast is null ? new ComposeForm() : IsNew ? ComposeForm.CopyOf(broadcast, Zone) : ComposeForm.Of(broadcast, Zone);
        if (broadcast is null && _authors is [var first, ..])
        {
            (_form.FromEmail, _form.FromName) = (first.Email, first.Name);
        }

        _layoutNow = _own?.LayoutId is { } layout ? await db.Layouts.Where(l => l.PublicId == layout).Select(l => l.Html).FirstOrDefaultAsync(Gone) : null;
        (_conflict, _problem, _dirty, _dirtySince, _savedAt, _counted) = (null, null, false, null, null, null);
        _editorKey++;
        await ShowStoredAsync();
        _ = InvokeAsync(LookAsync);
    }

    /// <summary>What is stored of it now, for the preview and the next edit.</summary>
    private async Task ShowStoredAsync()
    {
        if (_own is null)
        {
            (_reviewed, _isApproved) = (null, false);
            return;
        }

        _seen = _own.UpdatedAt;
        _reviewed = await Review.FindAsync(_own.Id, Gone);
        _isApproved = _own.Status is not BroadcastStatus.Draft || _reviewed?.FirstOfTwo is not null;
    }

    private void Touched()
    {
        _version++;
        _dirty = true;
        _dirtySince ??= Clock.GetUtcNow();
    }

    private Task Typed(string content)
    {
        _form!.Content = content;
        return Changed();
    }

    private Task ChooseSender()
    {
        _form!.FromName = _authors.FirstOrDefault(author => author.Email == _form.FromEmail)?.Name ?? _form.FromName;
        return Changed();
    }

    private Task ChooseTime(ChangeEventArgs chosen)
    {
        _form!.SendAt = chosen.Value?.ToString() is { Length: > 0 } time ? time : null;
        return Changed();
    }

    private Task Changed()
    {
        Touched();
        return Task.WhenAll(LookAsync(), SaveSoonAsync());
    }

    private Task SaveSoonAsync() =>
        _isApproved || _conflict is not null || _form?.Missing() is not null ? Task.CompletedTask
        : Clock.GetUtcNow() - _dirtySince > SaveWithin ? SaveAsync(false)
        : _save.WishAsync(_ => SaveAsync(false));

    /// <summary>Stores it.</summary>
    /// <param name="ordered">By the button: then also what is approved, whose approval that takes away.</param>
    private async Task SaveAsync(bool ordered)
    {
        if (_saving || _form is null || _site is null || _conflict is not null)
        {
            return;
        }

        (_saving, _problem) = (true, null);
        StateHasChanged();
        try
        {
            _form.Content = _editor is null ? _form.Content : await _editor.ReadAsync();
            await StoreAsync(ordered);
        }
        catch (TaskCanceledException) when (!Gone.IsCancellationRequested)
        {
            _problem = "The browser did not say what you wrote last: it is not saved.";
        }
        finally
        {
            _saving = false;
        }

        StateHasChanged();
        if (_dirty)
        {
            await SaveSoonAsync();
        }
    }

    private async Task StoreAsync(bool ordered)
    {
        if (await Access.WithAsync(Right.Write, Gone) is not { } user)
        {
            _problem = Access.Refusal;
            return;
        }

        var version = _version;
        var (site, form, isFirst) = (_site!, _form!, _id is null);
        var saved = _id is { } id
            ? await Drafting.SaveAsync(id, _seen, form, site, user.Actor, ordered, Gone)
            : await Drafting.CreateAsync(form, site, user.Actor, Gone);
        if (saved.Broadcast is null)
        {
            Refused(saved.Result);
            return;
        }

        (_own, _id, _savedAt) = (saved.Broadcast, saved.Broadcast.Id, Clock.GetUtcNow());
        if (form.TakesLayoutAnew)
        {
            (form.TakesLayoutAnew, _layoutNow) = (false, saved.Broadcast.LayoutHtml);
        }

        // What was typed while it was on its way is new again.
        _dirty = _version != version;
        _dirtySince = _dirty ? Clock.GetUtcNow() : null;
        if (isFirst)
        {
            await Js.InvokeVoidAsync("ekiben.readdress", Gone, To($"/broadcasts/{_id}/edit"));
        }

        await ShowStoredAsync();
    }

    private void Refused(ActionResult result)
    {
        if (result.Code is "changed_meanwhile" or "is_approved" or "not_editable" or "not_found")
        {
            _conflict = result.Problem;
        }
        else
        {
            _problem = result.Problem;
        }
    }

    private async Task KeepAsync()
    {
        (_id, _own, _conflict) = (null, null, null);
        _form!.Name += " (mine)";
        await SaveAsync(true);
    }

    private Task ReloadAsync()
    {
        // A new one has been given its address meanwhile.
        if (IsNew && _id is { } id)
        {
            _dirty = false;
            Navigation.NavigateTo(To($"/broadcasts/{id}/edit"), forceLoad: true);
            return Task.CompletedTask;
        }

        return OpenAsync();
    }

    /// <summary>The count, when it is another rule's; then the findings.</summary>
    private Task LookAsync()
    {
        if (_form is null || _site is null)
        {
            return Task.CompletedTask;
        }

        var key = string.Join('\n', string.Join(',', _form.InclusiveTags), string.Join(',', _form.ExclusiveTags), _form.SegmentId);
        if (key != _counted)
        {
            _count = null;
        }

        return _look.WishAsync(async cancel =>
        {
            var (form, site, own) = (_form, _site, _own);
            if (_count is null)
            {
                var rule = new AudienceRule(site.Id, [.. form.InclusiveTags], [.. form.ExclusiveTags], SegmentOf(form));
                // Beside the circuit: counting walks the site's people, and letters come in meanwhile.
                var count = await Task.Run(() => Audiences.CountAsync(rule, cancel), cancel);
                cancel.ThrowIfCancellationRequested();
                (_count, _counted) = (count, key);
                StateHasChanged();
            }

            var (built, problem) = await Drafting.BuildAsync(form, site, own, cancel);
            var findings = built is null
                ? [LintFinding.Error("invalid", "form", problem!)]
                : await Task.Run(() => Lint.ReportAsync(built, site, cancel), cancel);
            cancel.ThrowIfCancellationRequested();
            _findings = findings;
            StateHasChanged();
        });
    }

    private Segments.SegmentRule? SegmentOf(ComposeForm form) =>
        _segments.FirstOrDefault(segment => segment.Id == form.SegmentId).Rule is { } rule ? Segments.SegmentRule.Parse(rule) : null;

    private async Task GoToAsync(int line, int column)
    {
        if (_editor is not null)
        {
            await _editor.ShowAsync(line, column);
        }
    }

    /// <summary>Says what others do to it while it is open here, before somebody writes on what is no more.</summary>
    private async Task WatchAsync()
    {
        try
        {
            using var timer = new PeriodicTimer(WatchEvery, Clock);
            while (await timer.WaitForNextTickAsync(Gone))
            {
                await InvokeAsync(SeeOthersAsync);
            }
        }
        catch (OperationCanceledException) when (Gone.IsCancellationRequested)
        {
            // The page was left.
        }
        catch (Exception e)
        {
            await DispatchExceptionAsync(e);
        }
    }

    private async Task SeeOthersAsync()
    {
        if (_saving || _conflict is not null || _id is not { } id || _site is null)
        {
            return;
        }

        var seen = _seen;
        var now = await Review.NowAsync(id, Gone);
        if (now?.UpdatedAt == seen || _saving || seen != _seen)
        {
            return;
        }

        _conflict = await Review.LastChangeAsync(id, Gone) is { } change ? $"{change.Sentence} {Viewer.Ago(change.At)}." : "It was changed meanwhile.";
        StateHasChanged();
    }

    private void BeforeLeaving(LocationChangingContext leaving)
    {
        if (_dirty)
        {
            leaving.PreventNavigation();
            _leavingTo = leaving.TargetLocation;
            StateHasChanged();
        }
    }

    private void Stay(bool shown)
    {
        if (!shown)
        {
            _leavingTo = null;
        }
    }

    private void Leave()
    {
        _save.Dispose();
        var to = _leavingTo!;
        (_dirty, _leavingTo) = (false, null);
        Navigation.NavigateTo(to);
    }
}
