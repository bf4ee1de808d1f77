"""The node that ships with the project: NodeODM's REST API, version 2.2.x, over the engine.

Clients of NodeODM and ClusterODM work with it unchanged. Where it does otherwise than NodeODM, on purpose:

- Results come with ETag and ranges, so a cut download goes on; they are offered once they are whole, never while a
  restarted task runs.
- Every state of a task is on disk before it counts. After a kill or a power cut finished tasks are there with output,
  progress and processing time, open uploads go on, and the task that ran is processed anew; an engine that was left
  behind is ended first.
- A file that is cut on its way is not kept, one that arrives twice is kept once. Another file of the same name gets an
  underscore, as in NodeODM.
- A failed task always has an error message; a full disk is said as "Disk full (ENOSPC)", however the engine died of it.
- A cancel has ended everything when it answers, and leaves alone what had ended before.
- Ids are compared without regard to letter case.
- Options the engine does not have are dropped, as in NodeODM, and named in the task's output.
- zipurl and webhook are refused unless the operator allows them. Paths in ``outputs`` or in a seed that leave the
  task's folder are refused.
- align.las, align.laz and align.tif are refused: the engine can't align, and a cluster then finds a node that can.
  seed.zip is unpacked, but the engine starts from the photos; other archives are dropped. Both are said in the output.
- It listens on loopback unless told otherwise. Results are not uploaded to S3.
"""
