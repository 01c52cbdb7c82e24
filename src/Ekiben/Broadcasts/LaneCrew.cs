namespace Ekiben.Broadcasts;

/// <summary>
/// The sending part of a run: one that reads rows ahead, and as many lanes as its rate needs. It knows of no database, so that the tests' simulator
/// runs the same.
/// </summary>
internal static class LaneCrew
{
    /// <param name="work">What the lanes share.</param>
    /// <param name="stop">Stop claiming: what is on the wire finishes and is recorded.</param>
    /// <param name="abort">Stop waiting for the relay too.</param>
    /// <param name="most">Lanes, at most, whatever the relays' connections and the rate allow.</param>
    /// <returns>True when no row can move any more; false when a lane ended it.</returns>
    public static async Task<bool> RunAsync(LaneWork work, CancellationToken stop, CancellationToken abort, int most = int.MaxValue)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var tasks = new List<Task> { ReadAheadAsync(work, ending) };
        var lanes = new List<Task>();
        try
        {
            // One that fails stops the others; each still records what it has on the wire.
            while (tasks.Count > 0)
            {
                // Taken before they are looked at: a change after it is looked at in another round.
                var changed = Task.WhenAny(work.Rate.Changed, work.Relays.Changed);
                for (var number = 0; number < Math.Min(most, work.Rate.LanesOf(work.Relays.Lanes)) && !work.Rows.IsOver && !ending.IsCancellationRequested; number++)
                {
                    if (number == lanes.Count)
                    {
                        lanes.Add(Task.CompletedTask);
                    }

                    if (lanes[number].IsCompleted)
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
        }
        finally
        {
            work.Rows.Close();
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
