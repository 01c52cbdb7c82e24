namespace Ekiben.Broadcasts;

/// <summary>
/// The sending part of a run: one that reads rows ahead, and as many lanes as its rate needs. It knows of no database, so that the tests' simulator
/// runs the same.
/// </summary>
internal static class LaneCrew
{
    /// <param name="work">What the lanes share.</param>
    /// <param name="most">Lanes, at most.</param>
    /// <param name="stop">Stop claiming: what is on the wire finishes and is recorded.</param>
    /// <param name="abort">Stop waiting for the relay too.</param>
    /// <returns>True when no row can move any more; false when a lane ended it.</returns>
    public static async Task<bool> RunAsync(LaneWork work, int most, CancellationToken stop, CancellationToken abort)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var tasks = new List<Task> { ReadAheadAsync(work, ending) };
        var lanes = new Task[most];
        // One that fails stops the others; each still records what it has on the wire.
        while (tasks.Count > 0)
        {
            var changed = work.Rate.Changed;
            for (var number = 0; number < work.Rate.LanesOf(lanes.Length) && !work.Rows.IsOver && !ending.IsCancellationRequested; number++)
            {
                if (lanes[number] is null or { IsCompleted: true })
                {
                    tasks.Add(lanes[number] = new BroadcastLane(work, number, ending, abort).RunAsync());
                }
            }

            var first = await Task.WhenAny([.. tasks, changed]);
            if (first != changed && tasks.Remove(first) && !first.IsCompletedSuccessfully)
            {
                ending.Cancel();
                await Task.WhenAll(tasks).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
                await first;
            }
        }

        return !ending.IsCancellationRequested;
    }

    /// <summary>Reads rows ahead of the lanes, a page at a time.</summary>
    private static async Task ReadAheadAsync(LaneWork work, CancellationTokenSource ending)
    {
        try
        {
            await foreach (var page in work.Feed.ReadPagesAsync(ending.Token))
            {
                if (await work.Maker.PrepareAsync(page, ending.Token) is { } problem)
                {
                    await work.Hold(problem, ending.Token);
                    ending.Cancel();
                    return;
                }

                await work.Rows.AddAsync(page, ending.Token);
            }
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            // Stopped: the lanes end by themselves.
        }
        finally
        {
            work.Rows.Complete();
        }
    }
}
