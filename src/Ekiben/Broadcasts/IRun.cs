namespace Ekiben.Broadcasts;

/// <summary>What the worker runs. Two ship: a broadcast from its approval to its receipt, and a site's stream of mails to one person.</summary>
internal interface IRun
{
    /// <summary>What it is doing or waiting for, for people.</summary>
    RunState State { get; }

    /// <summary>Kept to what is stored by the worker, from the run's start to its end.</summary>
    RunRate Rate { get; }

    /// <summary>There are rows that were not there when it began.</summary>
    void Arrived();

    /// <param name="stop">Stop claiming: what is on the wire finishes and is recorded.</param>
    /// <param name="abort">Stop waiting for the relay too: what may have left becomes uncertain.</param>
    Task RunAsync(CancellationToken stop, CancellationToken abort);
}
